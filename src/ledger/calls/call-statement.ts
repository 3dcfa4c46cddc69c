import { stringifyExactly } from '../../base/exact-json.ts'
import type { Statement } from '../statement.ts'
import { type Budget, budgetCode, type CallRecord, noItemHash, type StoredCall } from './call.ts'

/**
 * The result for a record: it was written (`inserted`, or `refused` past the budget, or `written` by an earlier
 * run of the statement whose answer was lost), the call was recorded before (`existing`), or the rollout was recorded with
 * another item.
 */
export type WrittenRow = { readonly n: number; readonly seq: number; readonly attempt: number } & (
  | { readonly how: 'inserted' | 'refused' | 'written' | 'other item' }
  | ({ readonly how: 'existing' } & Omit<StoredCall, 'rolloutId' | 'callId' | 'seq' | 'attempt'>)
)

/** A record as {@link callStatement} takes it: JSON text, made once. */
export function recordText(record: CallRecord): string {
  return textOf({
    rollout_id: record.rolloutId,
    call_id: record.callId,
    item_hash: record.itemHash,
    tool: record.tool,
    arguments: record.arguments ?? null,
    outcome: record.outcome,
    output: record.output,
    code: record.code,
    cause: record.cause,
    claim: record.claim?.token,
    lease_seconds: record.claim?.leaseSeconds,
    started_at: record.startedAt,
    finished_at: record.finishedAt,
  })
}

/** JSON text, which keeps integers as the trainer sent them. */
export function textOf(value: unknown): string {
  return stringifyExactly(value ?? null)
}

/**
 * The statement that writes calls, any number of different ones, with their rollouts and the items given; `texts` are made
 * by {@link recordText}, and each row names by `n` the record that it is about. The records of one rollout have one item.
 *
 * A new call gets the next `seq` of its rollout; past the budget it is written as refused, whatever its outcome. A call
 * that is already recorded is returned unchanged. Nothing is written for a rollout that was recorded with another item.
 *
 * The statement sees only calls that committed before it began. If the same call is written concurrently, the statement
 * fails as a whole with a unique violation (ON CONFLICT would leave a gap in `seq`): then run it again.
 */
export function callStatement(
  texts: readonly string[],
  items: ReadonlyMap<string, unknown>,
  budget: Budget | undefined,
): Statement {
  const input = `[${texts.map((text, n) => `{"n":${n},${text.slice(1)}`).join(',')}]`
  const newItems = textOf([...items].map(([hash, content]) => ({ hash, content: content ?? null })))
  const limit = String(budget?.calls ?? 2147483647)
  return { text, values: [input, newItems, limit, budget?.refusal ?? '', budgetCode, new Date().toISOString()] }
}

const text = `
  with input as materialized (
    select * from jsonb_to_recordset($1::text::jsonb) as r(
      n int, rollout_id text, call_id text, item_hash text, tool text, arguments jsonb, outcome text, output text,
      code text, cause text, claim text, lease_seconds float8, started_at timestamptz, finished_at timestamptz)
  ),
  kept_items as (
    insert into items (hash, content)
    select hash, coalesce(content, 'null') from jsonb_to_recordset($2::text::jsonb) as i(hash text, content jsonb)
    order by hash
    on conflict (hash) do update set last_used_at = now()
  ),
  existing as materialized (
    select i.n, stored.*, case
        when i.item_hash <> '${noItemHash}'
          and (select item_hash from rollouts where id = i.rollout_id) not in (i.item_hash, '${noItemHash}')
          then 'other item'
        when stored.outcome = i.outcome and stored.finished_at = i.finished_at and stored.code is not distinct from i.code
          then 'written'
        else 'existing' end as how
    from input i cross join lateral (
      select t.* from tool_calls t where t.rollout_id = i.rollout_id and t.call_id = i.call_id limit 1
    ) stored
  ),
  fresh as materialized (
    select i.*, row_number() over (partition by rollout_id order by n) as nth,
      count(*) over (partition by rollout_id) as of_them
    from input i
    where n not in (select n from existing)
  ),
  counted as (
    insert into rollouts as r (id, item_hash, calls)
    select rollout_id, min(item_hash), count(*) from fresh group by rollout_id order by rollout_id
    on conflict (id) do update set calls = r.calls + excluded.calls,
        item_hash = case r.item_hash when '${noItemHash}' then excluded.item_hash else r.item_hash end
      where r.item_hash in (excluded.item_hash, '${noItemHash}') or excluded.item_hash = '${noItemHash}'
    returning r.id, r.calls
  ),
  numbered as materialized (
    select f.*, (c.calls - f.of_them + f.nth)::int as seq, c.calls - f.of_them + f.nth > $3::text::int as over
    from fresh f left join counted c on c.id = f.rollout_id
  ),
  inserted as (
    insert into tool_calls
      (rollout_id, call_id, seq, tool, arguments, outcome, output, code, cause, claim, lease_until, started_at,
        finished_at)
    select rollout_id, call_id, seq, tool, coalesce(arguments, 'null'),
      case when over then 'refused' else outcome end,
      case when over then $4::text else output end,
      case when over then $5::text else code end,
      case when not over then cause::jsonb end,
      case when over then null else claim end,
      case when over then null else now() + make_interval(secs => lease_seconds) end,
      started_at,
      case when over or outcome <> 'running' then coalesce(finished_at, $6::text::timestamptz) end
    from numbered where seq is not null
  )
  select n, case when seq is null then 'other item' when over then 'refused' else 'inserted' end as how,
    coalesce(seq, 0) as seq, 1 as attempt, null as tool,
    null::jsonb as arguments, null as outcome, null as output, null as code, null as claim, false as lapsed
  from numbered
  union all
  select n, how, seq, attempt, tool, arguments, outcome, output, code, claim,
    coalesce(outcome = 'running' and lease_until < now(), false)
  from existing`

/**
 * Overwrites a call that is recorded as failed, or whose claim has lapsed if this record is a claim, as one more attempt
 * at the same tool with the same arguments; selects `seq` and `attempt`, or nothing. A failure that this record has
 * already written is left unchanged.
 *
 * It updates one call by its key: an update of many calls would scan the whole table while its statistics are missing.
 */
export function revival(record: CallRecord): Statement {
  return {
    text: revivalText,
    values: [
      record.rolloutId,
      record.callId,
      record.tool,
      textOf(record.arguments),
      record.outcome,
      record.output,
      record.code,
      record.claim?.token ?? null,
      record.claim === undefined ? null : String(record.claim.leaseSeconds),
      (record.finishedAt ?? new Date()).toISOString(),
      record.cause ?? null,
    ],
  }
}

const revivalText = `
  update tool_calls
  set outcome = $5::text, output = $6::text, code = $7::text, cause = $11::text::jsonb, attempt = attempt + 1, claim = $8::text,
    lease_until = now() + make_interval(secs => $9::text::float8),
    finished_at = case when $5::text <> 'running' then $10::text::timestamptz end
  where rollout_id = $1::text and call_id = $2::text and tool = $3::text and arguments = $4::text::jsonb
    and ((outcome = 'failed' and (outcome <> $5::text or finished_at is distinct from $10::text::timestamptz))
      or (outcome = 'running' and lease_until < now() and $8::text is not null))
  returning seq, attempt`

/** The call that a statement has written, as it is now stored. */
export function standing(record: CallRecord, { seq, attempt }: { seq: number; attempt: number }): StoredCall {
  const { rolloutId, callId, tool, arguments: args, outcome, output, code } = record
  const claim = record.claim?.token ?? null
  return { rolloutId, callId, seq, tool, arguments: args ?? null, outcome, output, code, attempt, claim, lapsed: false }
}
