import postgres, { type Sql } from 'postgres'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { z } from 'zod'
import { beginningText } from '../../../src/ledger/begin.ts'
import { callText, revivalText } from '../../../src/ledger/calls/call-statement.ts'
import { renewalText, settlingText } from '../../../src/ledger/calls/claims.ts'
import { lookupText } from '../../../src/ledger/calls/lookup.ts'
import { additionText, insertionText, openingText } from '../../../src/ledger/calls/transaction-statements.ts'
import { gradingLookupText } from '../../../src/ledger/gradings/grading-lookup.ts'
import { gradingsText } from '../../../src/ledger/gradings/gradings.ts'
import { replaysText } from '../../../src/ledger/replays.ts'
import { failingText } from '../../../src/ledger/reports/sandbox-report.ts'
import { readerText } from '../../../src/ledger/rollout.ts'
import { countText } from '../../../src/ledger/rollups/call-sums.ts'
import { dueText, openingText as foldedOpeningText } from '../../../src/ledger/rollups/open-calls.ts'
import { analyzeGrown } from '../../../src/ledger/statistics.ts'
import { useDatabase } from '../../support/database.ts'

// Postgres keeps the plan of a prepared statement until the table is analyzed, which may be a minute later. A plan that was
// made while a run began must not serve for long.
const { sql, url } = useDatabase()
let planner: Sql

beforeAll(async () => {
  // Otherwise the statistics of autovacuum could replace those of a new database.
  await sql`alter table rollouts set (autovacuum_enabled = off)`
  await sql`alter table tool_calls set (autovacuum_enabled = off)`
  await sql`alter table grades set (autovacuum_enabled = off)`
  planner = postgres(url, { max: 1, prepare: false, onnotice() {} })
  await planner`set plan_cache_mode = force_generic_plan`
})

afterAll(() => planner.end())

const statements = {
  beginningText,
  callText,
  revivalText,
  settlingText,
  lookupText,
  additionText,
  insertionText,
  openingText,
  gradingLookupText,
  gradingsText,
  replaysText,
  readerText,
}

/** Those that look for something in all rollouts, by an index that has little else, and in the sums. */
const readers = { renewalText, countText, dueText, foldedOpeningText }
const allowed = / of rollup| by (tool_calls_running: $|rollouts_created_at: .*created_at > )/

const tables = ['rollouts', 'tool_calls', 'grades']

interface Node {
  readonly 'Node Type': string
  readonly 'Relation Name'?: string | undefined
  readonly 'Index Name'?: string | undefined
  readonly 'Index Cond'?: string | undefined
  readonly Plans?: readonly Node[] | undefined
}

const node: z.ZodType<Node> = z.lazy(() =>
  z.object({
    'Node Type': z.string(),
    'Relation Name': z.string().optional(),
    'Index Name': z.string().optional(),
    'Index Cond': z.string().optional(),
    Plans: z.array(node).optional(),
  }),
)

/** The scans of a plan that read more of a table than one rollout's rows. */
function wideScans(plan: Node): string[] {
  const below = (plan.Plans ?? []).flatMap(wideScans)
  const type = plan['Node Type']
  const isHeap = type === 'Bitmap Heap Scan' || type === 'Tid Scan'
  const isScan = plan['Index Name'] !== undefined || tables.includes(plan['Relation Name'] ?? '')
  const condition = plan['Index Cond'] ?? ''
  if (!type.endsWith('Scan') || isHeap || !isScan || /\b(id|number|rollout|hash|name) = /.test(condition)) return below
  return [...below, `${type} of ${plan['Relation Name'] ?? ''} by ${plan['Index Name']}: ${condition}`]
}

/** The plan that a connection keeps which prepares the statement now. */
async function keptPlan(text: string): Promise<Node> {
  const count = Math.max(...[...text.matchAll(/\$(\d+)/g)].map(([, digits]) => Number(digits)))
  await planner.unsafe(`prepare planned as ${text}`)
  const [row] = await planner.unsafe(
    `explain (format json) execute planned (${Array.from({ length: count }, () => 'null').join(', ')})`,
  )
  await planner.unsafe('deallocate planned')
  const [{ Plan: plan }] = z.tuple([z.object({ Plan: node })]).parse(row?.['QUERY PLAN'])
  return plan
}

/** The scans of all statements, planned now, that read more than one rollout's rows. */
async function allWideScans(): Promise<string[]> {
  const wide: string[] = []
  for (const [name, text] of Object.entries(statements))
    wide.push(...wideScans(await keptPlan(text)).map((scan) => `${name}: ${scan}`))
  for (const [name, text] of Object.entries(readers)) {
    const scans = wideScans(await keptPlan(text)).filter((scan) => !allowed.test(scan))
    wide.push(...scans.map((scan) => `${name}: ${scan}`))
  }
  return wide
}

/** Records so many rollouts, each with ten calls and a grading. */
async function fill(count: number): Promise<void> {
  await sql`
    insert into rollouts (run, id, item_hash)
    select 'exp-1', md5(n::text), 'item-' || n % 64
    from generate_series((select count(*) + 1 from rollouts), ${count}::int) n`
  await sql`
    insert into tool_calls (run, rollout, call_id, seq, tool, arguments, outcome, output, started_at)
    select run, number, 'call_' || seq, seq, 'search', '{}', 'ok', 'a page', now()
    from rollouts r, generate_series(1, 10) seq where not exists (select from tool_calls t where t.rollout = r.number)`
  await sql`
    insert into grades (run, rollout, grader, version, source, sample_hash, sample, item_hash, outcome, score, duration_ms)
    select run, number, 'answer', '1', 'trainer', md5(id), '{}', item_hash, 'scored', 1, 1
    from rollouts r where not exists (select from grades g where g.rollout = r.number)`
}

it('a table is analyzed when it has grown to more than twice its pages', async () => {
  expect(await analyzeGrown(sql)).toEqual({ tables: [], areLarge: false })
  await fill(5)
  expect(new Set((await analyzeGrown(sql)).tables)).toEqual(new Set(['rollouts', 'tool_calls', 'grades']))
  expect(await analyzeGrown(sql)).toEqual({ tables: [], areLarge: false })
})

it('a plan that was made when hardly anything was recorded reads all of a table', async () => {
  await sql`vacuum (analyze) rollouts, tool_calls, grades`
  expect(await allWideScans()).not.toEqual([])
})

it.each([300, 400, 500, 600, 700, 800, 1_000, 1_500, 2_000, 3_000])(
  'a plan made when %i rollouts are recorded reads the rows of one rollout',
  async (count) => {
    await fill(count)
    await analyzeGrown(sql)
    expect(await allWideScans()).toEqual([])
  },
)

it('the failures of sandboxes are read by an index that has these alone', async () => {
  await sql`
    insert into sandboxes (run, rollout, name, status, provider, requested_at, closed_at, cause)
    select 'exp-1', n, 'shell', 'closed', 'local', now() - n * interval '1 minute', now(),
      case when n % 500 = 0 then 'create_failed' end
    from generate_series(1, 5000) n`
  await sql`vacuum (analyze) sandboxes`
  expect(scansOf(await keptPlan(failingText), 'sandboxes')).toEqual(['sandboxes_failures'])
})

/** The indexes by which a plan reads a table; the table's own name where it reads all of it. */
function scansOf(plan: Node, table: string): string[] {
  const below = (plan.Plans ?? []).flatMap((one) => scansOf(one, table))
  const index = plan['Index Name']
  if (index !== undefined) return [...below, index]
  return plan['Relation Name'] === table && plan['Node Type'] === 'Seq Scan' ? [...below, table] : below
}
