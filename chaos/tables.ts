import { migrate } from '../src/postgres/migrate.ts'
import { rowsRole } from '../src/postgres/roles.ts'
import type { Cluster } from './postgres.ts'
import { seamStatements } from './sandboxes/seam.ts'

/** The table with rows of attempts. */
export const rolloutTables = [{ name: 'public.chaos_rows', keep: 'end' }] as const

/**
 * What the tools and hooks write to, next to the rows of the attempts: a log of the hooks, and the effects of the tool
 * `write`. Both accept duplicates, and nothing deletes from them.
 */
const statements = `
  create table chaos_rows (rollout bigint not null default scorekeeper_rollout(), seed text not null, n int not null,
    touched int not null default 0, primary key (rollout, seed, n));
  alter table chaos_rows enable row level security;
  create policy scorekeeper_rollout on chaos_rows
    using (rollout = scorekeeper_rollout()) with check (rollout = scorekeeper_rollout());
  create table chaos_hooks (hook text, run text, id text, attempt int, number bigint, seeds int, rows int);
  create table chaos_writes (number bigint, call_id text, nonce text);
  create role ${rowsRole} nologin;
  grant insert on chaos_hooks, chaos_writes to ${rowsRole}`

/** Creates the tables of the harness, after those of the ledger; with `sandboxes` also what their faults need. */
export async function createTables(cluster: Cluster, sandboxes = false): Promise<void> {
  await migrate(`postgres://${cluster.user}:${cluster.password}@127.0.0.1:${cluster.port()}/postgres`)
  await cluster.asking((sql) => sql.unsafe(sandboxes ? `${statements};\n${seamStatements}` : statements))
}
