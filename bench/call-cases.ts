import { median } from './latencies.ts'
import { insertOneByOne, measurePgbench } from './references.ts'
import type { Case, Summary } from './rounds.ts'
import type { Stage } from './stage.ts'
import type { Asked, Row } from './table.ts'

/** A case with a warm-up. */
export interface WarmCase extends Case {
  warm(): Promise<unknown>
}

const names: Readonly<Record<string, string>> = {
  bare: 'bare route: no ledger',
  none: "effects: 'none'",
  'none-500': "effects: 'none', 500 connections",
  'two-servers': "effects: 'none', two servers",
  database: "effects: 'database'",
  external: "effects: 'external'",
  insert: 'one INSERT a request',
  'one-at-a-time': "effects: 'none', one at a time",
  'database-alone': "effects: 'database', one at a time",
  'raw-insert': 'raw INSERT, one at a time',
  pgbench: 'pgbench, single-row INSERT',
}

/** The cases that `calls` measures, those with the ids in `only` if given, and the reference, the bare route. */
export async function callCases(stage: Stage, seconds: number, only: readonly string[] | undefined) {
  const { server, measure, database } = stage
  const wanted = (id: string) => only === undefined || only.includes(id)
  const named = (id: string, measured: Case['measure'], warm: () => Promise<unknown> = async () => {}) => ({
    id,
    name: names[id] ?? id,
    measure: measured,
    warm,
  })
  const http = (id: string, path: string, more: { connections?: number; ports?: number[]; seconds?: number } = {}) =>
    named(
      id,
      () => measure({ path, seconds, ...more }),
      () => measure({ path, ...more, seconds: 1 }),
    )
  const cases: WarmCase[] = [
    http('none', '/tools/none'),
    http('none-500', '/tools/none', { connections: 500 }),
    http('database', '/tools/database'),
    http('external', '/tools/external'),
    http('insert', '/insert'),
    http('one-at-a-time', '/tools/none', { connections: 1 }),
    http('database-alone', '/tools/database', { connections: 1 }),
    named('raw-insert', () => insertOneByOne(database.sql, seconds)),
  ].filter(({ id }) => wanted(id))
  if (wanted('two-servers')) {
    const second = await stage.addServer()
    cases.splice(1, 0, http('two-servers', '/tools/none', { ports: [server.port, second.port] }))
  }
  if (wanted('pgbench') && (await measurePgbench(database.url, 64, 1)) !== undefined) {
    const pgbench = () => measurePgbench(database.url, 64, Math.max(3, Math.ceil(seconds)))
    cases.push(
      named('pgbench', async () => {
        const seen = await pgbench()
        if (seen === undefined) throw new Error('pgbench is not on the PATH any more')
        return seen
      }),
    )
  }
  return { reference: http('bare', '/bare', { seconds: Math.max(1, seconds / 2) }), cases }
}

/** The rows of the report, with their targets. */
export function describeCases(seen: ReadonlyMap<string, Summary>): Row[] {
  const rows: Row[] = Object.entries(names).flatMap(([id, name]) => {
    const summary = seen.get(id)
    if (summary === undefined) return []
    const { rate, ratios, latencies, errors } = summary
    const times = latencies.total === 0 ? {} : { p50: latencies.quantile(0.5), p99: latencies.quantile(0.99) }
    return [{ name, rate, ratios, ...times, errors, asked: askedOf(id, summary, seen) }]
  })
  const [one, lone, raw] = [seen.get('one-at-a-time'), seen.get('database-alone'), seen.get('raw-insert')]
  if (lone && raw) {
    const times = lone.latencies.quantile(0.5) / raw.latencies.quantile(0.5)
    const asked = { text: `at most 3 × a raw INSERT (${times.toFixed(1)} ×)`, reached: times <= 3 }
    rows.push({ name: "effects: 'database', of a raw INSERT", asked })
  }
  if (one && raw) {
    const added = one.latencies.quantile(0.5) - raw.latencies.quantile(0.5)
    const asked = { text: 'under 1 ms', reached: added < 1 }
    rows.push({ name: 'one at a time: added to a raw INSERT', p50: added, asked })
  }
  return rows
}

function askedOf(id: string, summary: Summary, seen: ReadonlyMap<string, Summary>): Asked | undefined {
  const { latencies, errors } = summary
  const ratio = median(summary.ratios)
  if (id === 'none') return { text: '0.45', reached: ratio >= 0.45 }
  if (id === 'none-500') {
    const tail = latencies.quantile(0.99) / latencies.quantile(0.5)
    return { text: `no error, p99 under 5 × p50 (${tail.toFixed(1)} ×)`, reached: errors === 0 && tail < 5 }
  }
  if (id === 'database') return { text: '0.30', reached: ratio >= 0.3 }
  const one = seen.get('none')
  if (id === 'two-servers' && one !== undefined) {
    const gain = ratio / median(one.ratios)
    return { text: `at least one server's (${gain.toFixed(2)} of it)`, reached: gain >= 1 }
  }
  return undefined
}
