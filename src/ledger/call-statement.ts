import { type SQL, sql } from 'drizzle-orm'
import { type Budget, budgetCode, type CallRecord, type StoredCall } from './call.ts'

/** What the statement of {@link callStatement} gives a call: the call as it stands, and whether by this statement. */
export type WrittenRow = StoredCall & { readonly how: 'inserted' | 'revived' | 'existing' }

/**
 * The one statement that writes calls, any number of different ones, with their rollouts and the items given.
 *
 * A call that is new gets the next `seq` of its rollout; past the budget it is written as refused, whatever it was to
 * be. A call that stands there as `failed`, or whose claim has lapsed while this record is a claim, is written over as
 * one more attempt, if it is of the same tool with the same arguments. Any other stays as it is, and the answer is what
 * stands there.
 *
 * It sees the calls of its start only. Somebody else who writes the same call in the same moment makes it fail as a whole
 * with a unique violation (there is no ON CONFLICT, which would leave a gap in `seq`): then run it again.
 */
export function callStatement(
  records: readonly CallRecord[],
  items: ReadonlyMap<string, unknown>,
  budget: Budget | undefined,
): SQL {
  const finishedAt = new Date()
  const input = JSON.stringify(
    records.map((record, n) => ({
      n,
      rollout_id: record.rolloutId,
      call_id: record.callId,
      item_hash: record.itemHash,
      tool: record.tool,
      arguments: record.arguments ?? null,
      outcome: record.outcome,
      output: record.output,
      code: record.code,
      claim: record.claim?.token ?? null,
      lease_seconds: record.claim?.leaseSeconds ?? null,
      started_at: record.startedAt,
      finished_at: record.outcome === 'running' ? null : finishedAt,
    })),
  )
  const newItems = JSON.stringify([...items].map(([hash, content]) => ({ hash, content: content ?? null })))
  return sql`
    with input as materialized (
      select * from jsonb_to_recordset(${input}::text::jsonb) as r(
        n int, rollout_id text, call_id text, item_hash text, tool text, arguments jsonb, outcome text, output text,
        code text, claim text, lease_seconds float8, started_at timestamptz, finished_at timestamptz)
    ),
    kept_items as (
      insert into items (hash, content)
      select hash, coalesce(content, 'null') from jsonb_to_recordset(${newItems}::text::jsonb) as i(hash text, content jsonb) order by hash
      on conflict (hash) do update set last_used_at = now()
    ),
    existing as materialized (
      select stored.*
      from input i cross join lateral (
        select t.* from tool_calls t where t.rollout_id = i.rollout_id and t.call_id = i.call_id limit 1
      ) stored
    ),
    fresh as materialized (
      select i.*, row_number() over (partition by rollout_id order by n) as nth,
        count(*) over (partition by rollout_id) as of_them
      from input i
      where not exists (select from existing e where e.rollout_id = i.rollout_id and e.call_id = i.call_id)
    ),
    counted as (
      insert into rollouts as r (id, item_hash, calls)
      select rollout_id, min(item_hash), count(*) from fresh group by rollout_id order by rollout_id
      on conflict (id) do update set calls = r.calls + excluded.calls
      returning r.id, r.calls
    ),
    numbered as materialized (
      select f.*, c.calls - f.of_them + f.nth as seq, c.calls - f.of_them + f.nth > ${budget?.calls ?? 2147483647}::int as over
      from fresh f join counted c on c.id = f.rollout_id
    ),
    inserted as (
      insert into tool_calls
        (rollout_id, call_id, seq, tool, arguments, outcome, output, code, claim, lease_until, started_at, finished_at)
      select rollout_id, call_id, seq, tool, coalesce(arguments, 'null'),
        case when over then 'refused' else outcome end,
        case when over then ${budget?.refusal ?? ''}::text else output end,
        case when over then ${budgetCode}::text else code end,
        case when over then null else claim end,
        case when over then null else now() + make_interval(secs => lease_seconds) end,
        started_at,
        case when over then coalesce(finished_at, now()) else finished_at end
      from numbered
      returning *
    ),
    revived as (
      update tool_calls t
      set outcome = i.outcome, output = i.output, code = i.code, attempt = t.attempt + 1, claim = i.claim,
        lease_until = now() + make_interval(secs => i.lease_seconds), finished_at = i.finished_at
      from input i
      where t.rollout_id = i.rollout_id and t.call_id = i.call_id
        and t.tool = i.tool and t.arguments = coalesce(i.arguments, 'null')
        and (t.outcome = 'failed' or (t.outcome = 'running' and t.lease_until < now() and i.claim is not null))
      returning t.*
    ),
    result as (
      select 'inserted' as how, * from inserted
      union all
      select 'revived', * from revived
      union all
      select 'existing', e.* from existing e
      where not exists (select from revived r where r.rollout_id = e.rollout_id and r.call_id = e.call_id)
    )
    select how, rollout_id as "rolloutId", call_id as "callId", seq, tool, arguments, outcome, output, code, attempt,
      claim, coalesce(outcome = 'running' and lease_until < now(), false) as lapsed
    from result`
}
