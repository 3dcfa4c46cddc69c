import { stringifyExactly } from '../../base/exact-json.ts'
import { noItemHash } from '../attempt.ts'
import type { Statement } from '../statement.ts'
import { type Budget, budgetCode, type CallRecord, type StoredCall } from './call.ts'

/** The attempt and the place in it at which a record was written or found. */
export interface Position {
  readonly number: number
  readonly attempt: number
  readonly nth: number
  readonly seq: number
  readonly execution: number
}

/**
 * The result for a record: it was written (`inserted`, or `refused` past the budget, or `written` by an earlier
 * run of the statement whose answer was lost), the call was recorded before (`existing`), or the attempt was recorded with
 * another item, before (`other item`) or after (`next item`) its first grading.
 */
export type WrittenRow = { readonly n: number } & Position &
  (
    | {
        readonly how: 'inserted' | 'refused' | 'written' | 'other item' | 'next item'
        /** Whether the run did not exist: then the items that were stored for it may have been deleted with it. */
        readonly is_new_run: boolean
      }
    | ({ readonly how: 'existing'; readonly arguments_hash: string | null } & Omit<
        StoredCall,
        'run' | 'rolloutId' | 'callId' | 'argumentsHash' | keyof Position
      >)
  )

/** A record as {@link callStatement} takes it: JSON text, made once. `isNext`: it begins a new attempt after a grading. */
export function recordText(record: CallRecord, isNext: boolean): string {
  return textOf({
    rollout_id: record.rolloutId,
    given: record.number,
    is_next: isNext || undefined,
    ran_ms: record.ranMs === undefined ? undefined : Math.ceil(record.ranMs),
    call_id: record.callId,
    item_hash: record.itemHash,
    tool: record.tool,
    arguments: record.arguments ?? null,
    arguments_hash: record.argumentsHash,
    outcome: record.outcome,
    output: record.output,
    code: record.code,
    cause: record.cause,
    claim: record.claim?.token,
    lease_seconds: record.claim?.leaseSeconds,
    started_ms: record.startedAt.getTime(),
    finished_ms: record.finishedAt?.getTime(),
    wire: record.wire,
    key_name: record.key,
  })
}

/** JSON text, which keeps integers as the trainer sent them. */
export function textOf(value: unknown): string {
  return stringifyExactly(value ?? null)
}

/** The settings of an environment that recording calls needs. */
export interface CallRules {
  readonly budget: Budget | undefined
  /** An attempt ends when it is not used for so long, in seconds. */
  readonly idleSeconds: number
  /** Is told of each statement how many calls it records. */
  readonly onBatch?: ((calls: number) => void) | undefined
}

/**
 * The statement that writes calls of one run, any number of different ones, with their attempts and the items given; `texts`
 * are made by {@link recordText}, and each row names by `n` the record that it is about. The records of one rollout have one
 * item.
 *
 * A call belongs to the attempt that it names, otherwise to the latest one, or to a new one if that has ended, or was
 * graded and does not have the call; see `placeOf`. A new call gets the next `seq` of its attempt; past the budget it is
 * written as refused, whatever its outcome. A call that is already recorded is returned unchanged. Nothing is written for an
 * attempt that was recorded with another item.
 *
 * The statement sees only calls that committed before it began. If the same call is written concurrently, the statement
 * fails as a whole with a unique violation (ON CONFLICT would leave a gap in `seq`): then run it again.
 */
export function callStatement(
  run: string,
  texts: readonly string[],
  items: ReadonlyMap<string, unknown>,
  { budget, idleSeconds }: CallRules,
): Statement {
  const input = `[${texts.map((text, n) => `{"n":${n},${text.slice(1)}`).join(',')}]`
  const newItems = textOf([...items].map(([hash, content]) => ({ hash, content: content ?? null })))
  const limit = String(budget?.calls ?? 2147483647)
  const values = [input, newItems, limit, budget?.refusal ?? '', budgetCode, new Date().toISOString(), run]
  return { text: callText, values: [...values, String(idleSeconds)] }
}

const isOther = (one: string, other: string) => `(${one} <> ${other} and '${noItemHash}' not in (${one}, ${other}))`

/** Milliseconds since 1970, which take less to write and to read than a text, as a timestamp. */
const timeOf = (ms: string) => `timestamptz 'epoch' + i.${ms} * interval '1 millisecond'`

// Each lateral subquery is limited to one row, so that Postgres finds it by its key whatever the statistics of new tables.
/** The statement's text. `$7` is the run of every row that it visits. */
export const callText = `
  with input as materialized (
    select i.*, ${timeOf('started_ms')} as started_at, ${timeOf('finished_ms')} as finished_at, a.*,
      coalesce(f.same, false) as same, f.nth as used
    from jsonb_to_recordset($1::text::jsonb) as i(
      n int, rollout_id text, given int8, is_next boolean, ran_ms float8, call_id text, item_hash text, tool text, arguments jsonb,
      arguments_hash text, outcome text, output text, code text, cause text, claim text, lease_seconds float8,
      started_ms int8, finished_ms int8, wire text, key_name text)
    left join lateral (
      select number, attempt, item_hash as rollout_item, graded_at is not null
          and graded_at < now() - make_interval(secs => coalesce(i.ran_ms, -1) / 1000) as graded, ended_at is not null as ended
      from rollouts where run = $7::text and id = i.rollout_id and (i.given is null or number = i.given)
      order by attempt desc limit 1
    ) a on true
    left join lateral (
      select nth, tool = i.tool and case when coalesce(arguments_hash, i.arguments_hash) is null
          then arguments = i.arguments else arguments_hash is not distinct from i.arguments_hash end as same
      from tool_calls where run = $7::text and rollout = a.number and call_id = i.call_id
      order by same desc, nth desc limit 1
    ) f on true
  ),
  placed as materialized (
    select *, case
        when number is null or (given is null and ended) then 'new'
        when ${isOther('item_hash', 'rollout_item')} then
          case when not graded or given is not null then 'other item' when is_next then 'new' else 'next item' end
        when same then 'stored'
        when given is null and graded then 'new'
        else 'here' end as place
    from input
  ),
  kept_items as (
    insert into items (run, hash, content)
    select $7::text, hash, coalesce(content, 'null') from jsonb_to_recordset($2::text::jsonb) as i(hash text, content jsonb)
    order by hash
    on conflict (run, hash) do update set last_used_at = now()
  ),
  kept_run as (
    insert into runs (name) select $7::text from placed where number is null limit 1 on conflict (name) do nothing
    returning 1
  ),
  fresh as materialized (
    select *, case place when 'here' then attempt else coalesce(attempt, 0) + 1 end as to_attempt,
      case place when 'here' then coalesce(used, 0) + 1 else 1 end as to_nth,
      row_number() over (partition by rollout_id order by n) as nth_of_them, count(*) over (partition by rollout_id) as of_them
    from placed where place in ('here', 'new')
  ),
  counted as (
    insert into rollouts as r (run, number, id, attempt, item_hash, calls, wire, key_name, due_at)
    select $7::text, coalesce(min(number) filter (where place = 'here'), nextval('rollout_numbers')), rollout_id,
      to_attempt, min(item_hash), count(*), min(wire), min(key_name), now() + make_interval(secs => $8::text::float8)
    from fresh group by rollout_id, to_attempt order by rollout_id, to_attempt
    on conflict (run, id, attempt) do update set calls = r.calls + excluded.calls, due_at = excluded.due_at,
        item_hash = case r.item_hash when '${noItemHash}' then excluded.item_hash else r.item_hash end
      where r.item_hash in (excluded.item_hash, '${noItemHash}') or excluded.item_hash = '${noItemHash}'
    returning r.id, r.attempt, r.number, r.calls
  ),
  numbered as materialized (
    select f.*, c.number as to_number, (c.calls - f.of_them + f.nth_of_them)::int as seq,
      c.calls - f.of_them + f.nth_of_them > $3::text::int as over
    from fresh f left join counted c on c.id = f.rollout_id and c.attempt = f.to_attempt
  ),
  inserted as (
    insert into tool_calls (run, rollout, call_id, nth, seq, tool, arguments, arguments_hash, outcome, output, code, cause,
      claim, lease_until, started_at, finished_at)
    select $7::text, to_number, call_id, to_nth, seq, tool, coalesce(arguments, 'null'), arguments_hash,
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
    coalesce(to_number, 0)::float8 as number, to_attempt as attempt, to_nth as nth, coalesce(seq, 0) as seq, 1 as execution,
    null as tool, null::jsonb as arguments, null as arguments_hash, null as outcome, null as output, null as code,
    null as claim, false as lapsed, exists (select from kept_run) as is_new_run
  from numbered
  union all
  select p.n, case
      when p.place <> 'stored' then p.place
      when t.outcome = p.outcome and t.finished_at = p.finished_at and t.code is not distinct from p.code then 'written'
      else 'existing' end,
    p.number::float8, p.attempt, coalesce(t.nth, 0), coalesce(t.seq, 0), coalesce(t.execution, 0), t.tool, t.arguments,
    t.arguments_hash, t.outcome, t.output, t.code, t.claim, coalesce(t.outcome = 'running' and t.lease_until < now(), false), false
  from placed p
  left join lateral (
    select * from tool_calls
    where p.place = 'stored' and run = $7::text and rollout = p.number and call_id = p.call_id and nth = p.used limit 1
  ) t on true
  where p.place not in ('here', 'new')`

/**
 * Overwrites a call that is recorded as failed, or whose claim has lapsed if this record is a claim, as one more
 * execution; selects its {@link Position}, or nothing. A failure that this record has already written is left unchanged.
 *
 * It updates one call by its key: an update of many calls would scan the whole table while its statistics are missing.
 */
export function revival(record: CallRecord, stored: Pick<StoredCall, 'number' | 'nth'>): Statement {
  return {
    text: revivalText,
    values: [
      record.run,
      String(stored.number),
      record.callId,
      String(stored.nth),
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

/** The text of the statement that revives a call. `$1` is the run of every row that it visits. */
export const revivalText = `
  update tool_calls
  set outcome = $5::text, output = $6::text, code = $7::text, cause = $11::text::jsonb, execution = execution + 1,
    claim = $8::text, lease_until = now() + make_interval(secs => $9::text::float8),
    finished_at = case when $5::text <> 'running' then $10::text::timestamptz end
  where run = $1::text and rollout = $2::text::int8 and call_id = $3::text and nth = $4::text::int
    and ((outcome = 'failed' and (outcome <> $5::text or finished_at is distinct from $10::text::timestamptz))
      or (outcome = 'running' and lease_until < now() and $8::text is not null))
  returning seq, execution`

/** The call that a statement has written, as it is now stored. */
export function standing(record: CallRecord, position: Position): StoredCall {
  return {
    run: record.run,
    rolloutId: record.rolloutId,
    number: position.number,
    attempt: position.attempt,
    callId: record.callId,
    nth: position.nth,
    seq: position.seq,
    tool: record.tool,
    arguments: record.arguments ?? null,
    argumentsHash: record.argumentsHash ?? null,
    outcome: record.outcome,
    output: record.output,
    code: record.code,
    execution: position.execution,
    claim: record.claim?.token ?? null,
    lapsed: false,
  }
}
