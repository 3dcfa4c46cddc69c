import { PostgresJsSession } from 'drizzle-orm/postgres-js'
import type { Sql, TransactionSql } from 'postgres'
import { z } from 'zod'
import type { Database } from '../../../src/postgres/database.ts'

/** The ledger's tables, and the column by which each is partitioned: its run. */
const tables = {
  runs: 'name',
  items: 'run',
  rollouts: 'run',
  tool_calls: 'run',
  grades: 'run',
  replays: 'run',
} as const

const partitions = 4

/** Replaces the ledger's tables, which must be empty, by ones with the same columns, keys and indexes in hash partitions. */
export async function partitionByRun(sql: Sql): Promise<void> {
  await sql.begin(async (tx) => {
    const views = await tx<{ name: string; query: string }[]>`
      select viewname as name, definition as query from pg_views where schemaname = 'ledger'`
    for (const { name } of views) await tx`drop view ledger.${tx(name)}`
    for (const [table, run] of Object.entries(tables)) {
      await tx`create table partitioned (like ${tx(table)} including all) partition by hash (${tx(run)})`
      await tx`drop table ${tx(table)}`
      await tx`alter table partitioned rename to ${tx(table)}`
      for (let n = 0; n < partitions; n += 1) {
        const part = `create table ${table}_${n} partition of ${table} for values with (modulus ${partitions}, remainder ${n})`
        await tx.unsafe(part)
      }
    }
    for (const { name, query } of views) await tx.unsafe(`create view ledger.${name} as ${query}`)
  })
}

/** The number of the partition in which a run's rows are. */
export async function partitionOf(sql: Sql, run: string): Promise<number> {
  const [row] = await sql<{ n: number }[]>`
    select n from generate_series(0, ${partitions - 1}::int) n
    where satisfies_hash_partition('rollouts'::regclass, ${partitions}::int, n, ${run}::text)`
  if (row === undefined) throw new Error(`run ${run} has no partition`)
  return row.n
}

/** A statement that was sent, and the tables that its generic plan visited. */
export interface Visited {
  readonly text: string
  readonly values: readonly unknown[]
  readonly tables: readonly string[]
}

/** A database whose statements are each explained before they run, with a plan that does not know their values. */
export interface Explaining extends Pick<Database, 'sql' | 'db'> {
  readonly visited: readonly Visited[]
}

/** Makes {@link Explaining} of a database; `explainer` is a client with one connection. */
export function explaining({ sql, db }: Pick<Database, 'sql' | 'db'>, explainer: Sql): Explaining {
  const visited: Visited[] = []
  let count = 0
  const explained = async (send: (text: string) => Promise<unknown>, text: string, values: readonly unknown[]) => {
    count += 1
    const given = values.length === 0 ? '' : `(${values.map(quoted).join(', ')})`
    // Sent without waiting, so that the order on a transaction's connection stays.
    const answers = await Promise.all([
      send('savepoint explained'),
      send("set local plan_cache_mode = 'force_generic_plan'"),
      send(`prepare explained_${count} as ${text}`),
      send(`explain (analyze, costs off, timing off, format json) execute explained_${count}${given}`),
      send('rollback to explained'),
      send(`deallocate explained_${count}`),
    ])
    const [row] = z.array(z.object({ 'QUERY PLAN': z.array(z.object({ Plan: node })) })).parse(answers[3])
    visited.push({ text, values, tables: [...new Set(row?.['QUERY PLAN'].flatMap(({ Plan }) => tablesOf(Plan)))] })
  }
  const beside = (text: string, values: readonly unknown[]) =>
    explainer.begin((tx) => explained(async (statement) => await tx.unsafe(statement), text, values))
  const wrapped = new Proxy(sql, {
    get(target, key) {
      if (key !== 'unsafe') return Reflect.get(target, key)
      return async (text: string, values: string[] = [], options = {}) => {
        await beside(text, values)
        return await target.unsafe(text, values, options)
      }
    },
  })
  const { session } = db._
  if (!(session instanceof PostgresJsSession)) throw new TypeError('the database does not belong to postgres.js')
  const client = z.custom<Sql>((value) => typeof value === 'function').parse(session.client)
  const { begin } = client
  const within = (tx: TransactionSql) =>
    new Proxy(tx, {
      get(target, key) {
        if (key !== 'unsafe') return Reflect.get(target, key)
        return (text: string, values: string[] = [], options = {}) => {
          const done = explained(async (statement) => await target.unsafe(statement), text, values)
          const answer = target.unsafe(text, values, options)
          done.catch(() => undefined)
          return answer
        }
      },
    })
  type Work = (tx: TransactionSql) => Promise<unknown>
  Object.assign(client, {
    begin(...given: [Work] | [options: string, Work]) {
      if (given.length === 1) return begin((tx: TransactionSql) => given[0](within(tx)))
      const [options, work] = given
      return begin(options, (tx: TransactionSql) => work(within(tx)))
    },
  })
  return { sql: wrapped, db, visited }
}

const quoted = (value: unknown) => (value === null ? 'null' : `'${String(value).replaceAll("'", "''")}'`)

interface Node {
  readonly 'Relation Name'?: string | undefined
  readonly 'Actual Loops': number
  readonly Plans?: readonly Node[] | undefined
}

const node: z.ZodType<Node> = z.lazy(() =>
  z.object({
    'Relation Name': z.string().optional(),
    'Actual Loops': z.number(),
    Plans: z.array(node).optional(),
  }),
)

/** The tables of the plan's nodes that ran. Where inserted rows go is not in the plan. */
function tablesOf(plan: Node): string[] {
  if (plan['Actual Loops'] === 0) return []
  const own = plan['Relation Name'] === undefined ? [] : [plan['Relation Name']]
  return [...own, ...(plan.Plans ?? []).flatMap(tablesOf)]
}
