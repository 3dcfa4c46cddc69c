import { setTimeout as sleep } from 'node:timers/promises'
import type { Sql } from 'postgres'
import type { Cluster } from '../postgres.ts'

/** The key of the gates' locks: one gate for each replica. */
const gates = 41_017

/**
 * A gate before the record of a created sandbox, which the harness can close for one replica; it knows the replica by the
 * number at the end of the name of its connections. And a log of how many places were taken after each grant.
 */
export const seamStatements = `
  create function chaos_gate() returns trigger language plpgsql as $$
  begin
    perform pg_advisory_xact_lock_shared(${gates}, substring(current_setting('application_name') from '[0-9]+$')::int);
    return new;
  end $$;
  create trigger chaos_gate before update on sandboxes for each row
    when (old.status = 'opening' and new.status = 'open') execute function chaos_gate();
  create table chaos_places (held int, opening int);
  create function chaos_place() returns trigger language plpgsql as $$
  begin
    insert into chaos_places select count(granted_at), count(*) filter (where status = 'opening')
    from sandboxes where closed_at is null;
    return null;
  end $$;
  create trigger chaos_place after update on sandboxes for each row
    when (old.status = 'requested' and new.status = 'opening') execute function chaos_place()`

/** The name of the connections of a replica. */
export const connectionName = (replica: number) => `scorekeeper-${replica}`

/** How long the harness waits for a replica to create a sandbox, in seconds. */
const waitSeconds = 8

/**
 * Closes the gate of a replica, waits until the replica has created a sandbox and is about to record it, and calls `act`; if
 * none arrives in time it calls `act` all the same. `cutOff` ends the sessions at the gate, so that the record is never made;
 * otherwise it is made when `act` has resolved. Resolves with whether the replica was at the gate.
 */
export async function atRecord(
  cluster: Cluster,
  replica: number,
  act: (cutOff: () => Promise<void>) => Promise<void>,
): Promise<boolean> {
  let atGate = false
  let acting: Promise<void> | undefined
  const gate = async (sql: Sql) => {
    await sql`select pg_advisory_lock(${gates}, ${replica})`
    const end = performance.now() + waitSeconds * 1000
    while (!atGate && performance.now() < end) {
      await sleep(10)
      atGate = (await waiting(sql, replica)).length > 0
    }
    acting = act(async () => {
      for (const { pid } of await waiting(sql, replica)) await sql`select pg_terminate_backend(${pid})`
    })
    await acting
  }
  // Postgres may be down, by another fault.
  await cluster.asking(gate).catch(() => undefined)
  await (acting ?? act(async () => undefined))
  return atGate
}

const waiting = (sql: Sql, replica: number) => sql<{ pid: number }[]>`
  select pid from pg_locks where locktype = 'advisory' and classid = ${gates} and objid = ${replica} and not granted`
