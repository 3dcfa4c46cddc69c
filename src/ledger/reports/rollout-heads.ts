import type { Sql } from 'postgres'
import { execute } from '../statement.ts'
import { timestampText } from './exported-subjects.ts'
import type { AttemptPlace, ReportedCall, ReportedGrading, RolloutReport } from './rollout-report.ts'

/** A call with the beginnings of its texts. */
export interface CallHead extends Omit<ReportedCall, 'arguments' | 'output'> {
  /** The beginning of the arguments as JSON, and of the output. */
  readonly arguments: string
  readonly output: string
  /** The characters of the whole texts. */
  readonly arguments_length: number
  readonly output_length: number
}

/** What is recorded of an attempt, with the beginnings of long texts. */
export interface RolloutHeads extends Omit<RolloutReport, 'calls' | 'gradings'> {
  readonly calls: readonly CallHead[]
  readonly gradings: readonly (Omit<ReportedGrading, 'sample'> & {
    readonly answer: string
    readonly answer_length: number
  })[]
}

/** How many characters of a text the page of a rollout has; the rest is fetched when it is opened. */
export const headLength = 600

const answer = `coalesce(g.sample ->> 'output_text', g.sample::text)`

const heads = `
  select r.run, r.id as rollout, r.attempt, r.number::float8 as number,
    (select max(attempt) from rollouts a where a.run = r.run and a.id = r.id) as attempts,
    r.wire, r.key_name as key, ${timestampText('r.created_at')} as created_at, ${timestampText('r.graded_at')} as graded_at,
    ${timestampText('r.due_at')} as due_at, ${timestampText('r.ended_at')} as ended_at, r.outcome,
    ${timestampText('r.released_at')} as released_at, r.item_hash, i.content as item, r.state,
    coalesce((
      select jsonb_agg(jsonb_build_object('seq', c.seq, 'call_id', c.call_id, 'nth', c.nth, 'tool', c.tool,
        'arguments', left(c.arguments::text, ${headLength}), 'arguments_length', char_length(c.arguments::text),
        'output', left(c.output, ${headLength}), 'output_length', char_length(c.output),
        'outcome', c.outcome, 'code', c.code, 'cause', c.cause, 'execution', c.execution,
        'started_at', ${timestampText('c.started_at')}, 'finished_at', ${timestampText('c.finished_at')},
        'state_before', c.state_before, 'state_after', c.state_after) order by c.seq)
      from tool_calls c where c.run = r.run and c.rollout = r.number
    ), '[]') as calls,
    coalesce((
      select jsonb_agg(jsonb_build_object('id', g.id, 'grader', g.grader, 'version', g.version, 'code_hash', g.code_hash,
        'source', g.source, 'sample_hash', g.sample_hash, 'answer', left(${answer}, 4000), 'answer_length', char_length(${answer}),
        'outcome', g.outcome, 'score', g.score, 'parts', g.parts, 'reason', left(g.reason, 4000), 'code', g.code,
        'duration_ms', g.duration_ms, 'created_at', ${timestampText('g.created_at')}) order by g.id)
      from grades g where g.run = r.run and g.rollout = r.number
    ), '[]') as gradings,
    jsonb_build_object('calls', coalesce(p.calls, 0), 'gradings', coalesce(p.gradings, 0)) as replays
  from rollouts r
    left join items i on i.run = r.run and i.hash = r.item_hash
    left join replays p on p.run = r.run and p.rollout = r.number
  where r.run = $1::text and r.number = $2::text::int8`

/** Reads an attempt with the beginnings of its long texts; undefined if it has been deleted. */
export async function readRolloutHeads(sql: Sql, run: string, number: number): Promise<RolloutHeads | undefined> {
  const [found] = await execute<RolloutHeads>(sql, { text: heads, values: [run, String(number)] })
  return found
}

/** A whole text of a call. */
export async function readCallText(
  sql: Sql,
  { run, number, seq, text }: { run: string; number: number; seq: number; text: 'arguments' | 'output' },
): Promise<string | undefined> {
  const column = text === 'output' ? 'output' : 'jsonb_pretty(arguments)'
  const statement = `
    select ${column} as text from tool_calls where run = $1::text and rollout = $2::text::int8 and seq = $3::text::int`
  const values = [run, String(number), String(seq)]
  const [found] = await execute<{ text: string }>(sql, { text: statement, values })
  return found?.text
}

/** The whole answer of a grading. */
export async function readAnswer(sql: Sql, run: string, number: number, id: number): Promise<string | undefined> {
  const text = `
    select ${answer} as text from grades g where g.run = $1::text and g.rollout = $2::text::int8 and g.id = $3::text::int8`
  const [found] = await execute<{ text: string }>(sql, { text, values: [run, String(number), String(id)] })
  return found?.text
}

/** A rollout of the same item that began with another one. */
export interface Sibling {
  readonly number: number
  readonly id: string
  readonly calls: number
  readonly outcome: 'scored' | 'ungradable' | 'failed' | 'open'
  readonly score: number | null
  readonly parts: Readonly<Record<string, number>> | null
  readonly answer: string | null
}

/** Reads the group of a rollout: those of its item that began with it, itself included, at most 64. */
export async function readSiblings(
  sql: Sql,
  { run, number }: Pick<AttemptPlace, 'run' | 'number'>,
): Promise<readonly Sibling[]> {
  const text = `
    with own as (select run, item_hash, created_at from rollouts where run = $1::text and number = $2::text::int8),
    period as (
      select o.run, o.item_hash, coalesce(g.first_at, o.created_at - interval '1 minute') as first_at,
        coalesce(g.last_at, o.created_at + interval '1 minute') as last_at
      from own o left join lateral (
        select first_at, last_at from rollup_groups g
        where g.run = o.run and g.item_hash = o.item_hash and g.first_at <= o.created_at order by g.visit desc limit 1
      ) g on true
    )
    select r.number::float8 as number, r.id, r.calls, coalesce(g.outcome, 'open') as outcome, g.score, g.parts,
      left(g.sample ->> 'output_text', 120) as answer
    from period p join rollouts r on r.run = p.run and r.item_hash = p.item_hash and r.created_at between p.first_at and p.last_at
    left join lateral (
      select * from grades g where g.run = r.run and g.rollout = r.number and g.source = 'trainer'
      order by g.outcome = 'scored' desc, g.id desc limit 1
    ) g on true
    order by r.number limit 64`
  return await execute<Sibling>(sql, { text, values: [run, String(number)] })
}
