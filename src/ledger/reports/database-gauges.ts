import type { Sql } from 'postgres'
import { execute } from '../statement.ts'

/** What is true of the whole database now, for metrics. */
export interface DatabaseGauges {
  /** Calls that are claimed and not settled, and those of them whose lease has run out. */
  readonly running: number
  readonly lapsed: number
  /** Connections of servers by what they do: `active`, `idle`, `idle in transaction` or `other`. */
  readonly connections: Readonly<Record<string, number>>
}

// By the partial index on running calls. The role of a server sees at least the connections of its own.
const gauges = `
  select c.running, c.lapsed, coalesce(a.connections, '{}') as connections from (
    select count(*)::int as running, count(*) filter (where lease_until < now())::int as lapsed
    from tool_calls where outcome = 'running'
  ) c cross join (
    select jsonb_object_agg(state, connections) as connections from (
      select case when state in ('active', 'idle', 'idle in transaction') then state else 'other' end as state, count(*) as connections
      from pg_stat_activity where datname = current_database() and application_name like 'scorekeeper%' group by 1
    ) s
  ) a`

/** Reads {@link DatabaseGauges}. */
export async function readDatabaseGauges(sql: Sql): Promise<DatabaseGauges | undefined> {
  const [row] = await execute<DatabaseGauges>(sql, { text: gauges, values: [] })
  return row
}
