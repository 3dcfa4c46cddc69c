import type { Sql, TransactionSql } from 'postgres'
import { driverAddress } from './address.ts'
import { sqlStateOf } from './database.ts'
import { postgres } from './driver.ts'

/** A table with rows of rollouts: its name with its schema, and whether they are deleted at a rollout's end or with the rollout. */
export interface RolloutTable {
  readonly name: string
  readonly keep: 'end' | 'retention'
}

/** The role as which tools, graders and hooks run their statements in environments with rollout tables. */
export const rowsRole = 'scorekeeper_rows'

/** The policies of `rolloutTable`, by which the tables are found. */
const policies = `('scorekeeper_rollout', 'scorekeeper_rollout_kept')`

/** What the role must not reach: the ledger's relations, and the schemas of the server. */
const ledgerRelations = `('runs', 'items', 'rollouts', 'tool_calls', 'grades', 'replays', 'rollout_numbers', 'grade_numbers',
  'signing_keys', 'sandboxes', 'sandbox_hosts')`
const otherSchemas = `('drizzle', 'ledger', 'before_runs', 'information_schema')`

/** Finds the rollout tables of a database, each before the tables that it refers to. */
export async function findRolloutTables(sql: Sql | TransactionSql): Promise<readonly RolloutTable[]> {
  const found = await sql.unsafe<{ oid: number; name: string; policy: string; targets: number[] }[]>(`
    select c.oid::int8::float8 as oid, n.nspname || '.' || c.relname as name, p.polname as policy,
      array(select f.confrelid::int8::float8 from pg_constraint f where f.conrelid = c.oid and f.contype = 'f') as targets
    from pg_policy p join pg_class c on c.oid = p.polrelid join pg_namespace n on n.oid = c.relnamespace
    where p.polname in ${policies}
    order by name`)
  const left = [...found]
  const ordered: RolloutTable[] = []
  while (left.length > 0) {
    const free = left.findIndex((one) => left.every((other) => other === one || !other.targets.includes(one.oid)))
    for (const { name, policy } of left.splice(Math.max(free, 0), 1)) {
      ordered.push({ name, keep: policy === 'scorekeeper_rollout' ? 'end' : 'retention' })
    }
  }
  return ordered
}

/**
 * Prepares a database for its rollout tables, if it has any: the role, its rights, and policies that hold for the tables'
 * owner too. Any number of servers may do so at once; where all is in place, it only reads. Resolves with the tables.
 *
 * @throws Error with the SQL for an administrator if the role cannot be made.
 */
export async function prepareRolloutTables(url: string): Promise<readonly RolloutTable[]> {
  const address = driverAddress(url)
  const settings = { max: 1, prepare: false, fetch_types: false, connect_timeout: 10, onnotice() {} }
  const sql = postgres(address.url, { ...settings, ...address.options })
  try {
    return await sql.begin(async (tx) => {
      const tables = await findRolloutTables(tx)
      if (tables.length === 0) return tables
      await tx`select pg_advisory_xact_lock(7720333)`
      await makeRole(tx)
      const statements = await tx.unsafe<{ statement: string }[]>(missingText)
      for (const { statement } of statements) await tx.unsafe(statement)
      return tables
    })
  } finally {
    await sql.end({ timeout: 5 })
  }
}

async function makeRole(tx: TransactionSql): Promise<void> {
  const [found] = await tx.unsafe<RoleRow[]>(roleText)
  if (found === undefined) throw new Error('the database returned no row about its roles')
  if (found.mighty) {
    throw new Error(
      `the role ${rowsRole} must be neither a superuser nor exempt from row-level security: alter role ${rowsRole} nosuperuser nobypassrls`,
    )
  }
  const isNew = Number(found.version) >= 160_000
  const create = `create role ${rowsRole} nologin`
  const grant = `grant ${rowsRole} to ${found.me}${isNew ? ' with inherit false, set true' : ''}`
  if (!found.exists) await attempt(tx, create, ['42710', '23505'], [create, grant])
  // Membership of a superuser is implied.
  const [member] = await tx.unsafe<{ can: boolean }[]>(
    `select pg_has_role(current_user, '${rowsRole}', '${isNew ? 'SET' : 'MEMBER'}') as can`,
  )
  if (member?.can !== true) await attempt(tx, grant, [], [...(found.exists ? [] : [create]), grant])
}

interface RoleRow {
  readonly exists: boolean
  readonly mighty: boolean
  readonly me: string
  readonly version: string
}

const roleText = `
  select r.oid is not null as exists, coalesce(r.rolsuper or r.rolbypassrls, false) as mighty,
    quote_ident(current_user) as me, current_setting('server_version_num') as version
  from (select 1) one left join pg_roles r on r.rolname = '${rowsRole}'`

/** Runs a statement in a savepoint; an error with one of the states in `fine` counts as done. */
async function attempt(tx: TransactionSql, statement: string, fine: readonly string[], all: readonly string[]) {
  try {
    await tx.savepoint((nested) => nested.unsafe(statement))
  } catch (cause) {
    const state = sqlStateOf(cause)
    if (fine.includes(state ?? '')) return
    if (state !== '42501') throw cause
    throw new Error(
      `the tables of schema/ have rows of rollouts, which need the role ${rowsRole}, and the database's user may not make ` +
        `it. Have an administrator run:\n\n  ${all.join(';\n  ')};\n`,
      { cause },
    )
  }
}

/** Selects the statements that are left to run: policies for the owner too, and the role's rights. */
const missingText = `
  with tables as (
    select c.oid, c.relname, n.nspname, c.relkind, c.relowner, format('%I.%I', n.nspname, c.relname) as name,
      c.relforcerowsecurity and c.relrowsecurity as forced,
      exists (select from pg_policy p where p.polrelid = c.oid and p.polname in ${policies}) as is_rollout
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p', 'f', 'S') and n.nspname !~ '^pg_' and n.nspname not in ${otherSchemas}
      and not (n.nspname = 'public' and c.relname in ${ledgerRelations})
      and pg_has_role(current_user, c.relowner, 'USAGE')
  )
  select format('alter table %s enable row level security, force row level security', name) as statement
  from tables where is_rollout and not forced
  union all
  select format('grant select, insert, update, delete on %s to ${rowsRole}', name)
  from tables where is_rollout and not (
    has_table_privilege('${rowsRole}', oid, 'select') and has_table_privilege('${rowsRole}', oid, 'insert') and
    has_table_privilege('${rowsRole}', oid, 'update') and has_table_privilege('${rowsRole}', oid, 'delete'))
  union all
  select format('grant select on %s to ${rowsRole}', name)
  from tables where relkind <> 'S' and not is_rollout and not has_table_privilege('${rowsRole}', oid, 'select')
  union all
  select format('grant usage on sequence %s to ${rowsRole}', name)
  from tables where relkind = 'S' and not has_sequence_privilege('${rowsRole}', case relkind when 'S' then oid end, 'usage')
  union all
  select distinct format('grant usage on schema %I to ${rowsRole}', nspname)
  from tables where not has_schema_privilege('${rowsRole}', nspname, 'usage')`
