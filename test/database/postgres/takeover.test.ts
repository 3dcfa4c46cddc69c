import { setTimeout as sleep } from 'node:timers/promises'
import postgres from 'postgres'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { isMigrated, migrate, migrationFolders } from '../../../src/postgres/migrate.ts'
import { type TakeoverProgress, takeoverText } from '../../../src/postgres/takeover.ts'
import { createTestDatabase, type TestDatabase } from '../../support/database.ts'
import { fillOlderLedger, migrateToOlderLedger, olderStatements } from '../../support/postgres/older-ledger.ts'
import { makeFolder, removeFolder } from '../../support/temporary.ts'

let database: TestDatabase
let sql: postgres.Sql
let folder: string

beforeAll(() => {
  folder = makeFolder()
})

beforeEach(async () => {
  database = await createTestDatabase({ migrated: false })
  sql = postgres(database.url, { max: 2, onnotice() {} })
  await migrateToOlderLedger(database.url, folder)
})

afterEach(async () => {
  await sql.end()
  await database.drop()
})

afterAll(() => removeFolder(folder))

/** The tables of the environment play no part here. */
const migrateAll = (onTakeover?: (progress: TakeoverProgress) => void) =>
  migrate(database.url, { ...migrationFolders, environment: '' }, { onTakeover })
const isReady = () => isMigrated(sql, { ...migrationFolders, environment: '' })

const pairs = [
  [
    'hash, content, created_at, last_used_at',
    'kept.items',
    "select hash, content, created_at, last_used_at from items where run = 'default'",
  ],
  [
    'id, item_hash, calls, state, created_at',
    'kept.rollouts',
    "select id, item_hash, calls, state, created_at from rollouts where run = 'default' and attempt = 1",
  ],
  [
    'rollout_id, call_id, seq, tool, arguments, outcome, output, code, cause, attempt, claim, lease_until, started_at, finished_at',
    'kept.tool_calls',
    `select rollout_id, call_id, seq, tool, arguments, outcome, output, code, cause, execution, claim, lease_until, started_at,
      finished_at from ledger.calls where run = 'default' and attempt = 1 and nth = 1`,
  ],
  [
    'id, rollout_id, grader, version, code_hash, source, sample_hash, sample, item_hash, outcome, score, parts, reason, code, duration_ms, created_at',
    'kept.grades',
    `select id, rollout_id, grader, version, code_hash, source, sample_hash, sample, item_hash, outcome, score, parts, reason,
      code, duration_ms, created_at from ledger.gradings where run = 'default' and attempt = 1`,
  ],
] as const

/** Copies the older tables, for {@link differences}. */
async function keep(): Promise<void> {
  await sql`create schema kept`
  for (const table of ['items', 'rollouts', 'tool_calls', 'grades']) {
    await sql`create table ${sql(`kept.${table}`)} as select * from ${sql(table)}`
  }
}

/** How many rows of each table are in the copies and not in today's tables, or the other way round. */
async function differences(): Promise<number[]> {
  const counts: number[] = []
  for (const [columns, kept, today] of pairs) {
    const older = `select ${columns} from ${kept}`
    const [row] = await sql.unsafe<{ n: number }[]>(
      `select count(*)::int as n from ((${older} except all ${today}) union all (${today} except all ${older})) differing`,
    )
    counts.push(row?.n ?? -1)
  }
  return counts
}

describe('a ledger from before runs and attempts', () => {
  it('is taken over, twenty thousand calls, whichever process dies when: no row is lost or there twice', async () => {
    await fillOlderLedger(sql, 2_500, 8)
    await keep()
    const seen: TakeoverProgress[] = []
    const dies = async () => {
      const failure = await migrateAll((progress) => {
        seen.push(progress)
        if (progress.done < progress.total) throw new Error('died between two transactions')
      }).catch(String)
      return failure !== undefined && String(failure)
    }
    const deaths = [await dies()]
    // Each second transaction that moves rollouts loses its connection in the middle.
    await sql`create sequence moves`
    await sql.unsafe(`
      create function lose_connection() returns trigger language plpgsql as $$
      begin
        if nextval('moves') % 2 = 1 then
          perform pg_terminate_backend(pg_backend_pid());
          perform pg_sleep(1);
        end if;
        return null;
      end $$`)
    await sql`create trigger lose_connection before insert on rollouts execute function lose_connection()`
    for (let death = await dies(); death; death = await dies()) {
      deaths.push(death)
      expect(await isReady()).toBe(false)
    }
    expect(deaths.filter((death) => String(death).includes('between')).length).toBeGreaterThan(2)
    expect(deaths.filter((death) => String(death).includes('CONNECTION_CLOSED')).length).toBeGreaterThan(2)
    expect(await isReady()).toBe(true)
    expect(await differences()).toEqual([0, 0, 0, 0])
    const [{ total } = { total: 0 }] = await sql<{ total: number }[]>`
      select ((select count(*) from kept.items) + (select count(*) from kept.rollouts)
        + (select count(*) from kept.tool_calls) + (select count(*) from kept.grades))::int as total`
    expect(seen.every((progress) => progress.total === total)).toBe(true)
    expect(seen.map(({ done }) => done)).toEqual(seen.map(({ done }) => done).sort((a, b) => a - b))
    expect(seen.at(-1)?.done).toBe(total)
  }, 60_000)

  it('is taken over by ten processes that start together, which take turns', async () => {
    await fillOlderLedger(sql, 300, 3)
    await keep()
    await Promise.all(Array.from({ length: 10 }, () => migrateAll()))
    expect(await differences()).toEqual([0, 0, 0, 0])
    expect(await sql`select from pg_namespace where nspname = 'before_runs'`).toHaveLength(0)
    expect(await sql`select name from runs`).toEqual([{ name: 'default' }])
  })

  it('gets numbers in the order in which its rollouts began, and later gradings get later ids', async () => {
    await fillOlderLedger(sql, 100, 1)
    await sql`alter sequence grades_id_seq restart with 5000`
    await sql`
      insert into grades (rollout_id, grader, version, source, sample_hash, sample, item_hash, outcome, duration_ms)
      select id, 'finqa', '1', 'trainer', 's', '{}', item_hash, 'ungradable', 1 from rollouts limit 1`
    await migrateAll()
    const rows = await sql<{ number: string }[]>`select number from rollouts order by created_at, id`
    expect(rows.map(({ number }) => Number(number))).toEqual(rows.map((_, n) => n + 1))
    expect(await sql`select nextval('grade_numbers')::int as id`).toEqual([{ id: 5001 }])
  })

  it('keeps rollouts of the last hour open; the others have ended, graded or abandoned', async () => {
    await fillOlderLedger(sql, 400, 2)
    await migrateAll()
    const rows = await sql`
      select created_at > now() - interval '1 hour' as recent, graded_at is not null as graded, outcome,
        ended_at is not null as ended, released_at is not null as released, due_at > now() as later, count(*)::int > 0 as some
      from rollouts group by 1, 2, 3, 4, 5, 6 order by 1, 2`
    const over = { recent: false, ended: true, released: true, later: false, some: true }
    const open = { recent: true, ended: false, released: false, later: true, some: true, outcome: null }
    expect(rows).toEqual([
      { ...over, graded: false, outcome: 'abandoned' },
      { ...over, graded: true, outcome: 'graded' },
      { ...open, graded: false },
      { ...open, graded: true },
    ])
    expect(
      await sql`
        select from rollouts r where graded_at is distinct from (
          select min(created_at) from grades g where g.rollout = r.number and source = 'trainer')`,
    ).toHaveLength(0)
  })

  it('keeps calls and gradings without a rollout: it gets one', async () => {
    await fillOlderLedger(sql, 20, 2)
    await sql`delete from rollouts where id in (select id from rollouts order by id limit 5)`
    await migrateAll()
    const [row] = await sql`
      select (select count(*)::int from ledger.calls) as calls, (select count(*)::int from rollouts) as rollouts,
        (select count(*)::int from rollouts where calls = 2) as counted`
    expect(row).toEqual({ calls: 40, rollouts: 20, counted: 20 })
    expect(await isReady()).toBe(true)
  })

  it('is left as it is while a view, a foreign key or a trigger of a user depends on it, and the message names them', async () => {
    await fillOlderLedger(sql, 10, 1)
    await sql`create view worst as select id from rollouts`
    await sql`create table seeds (rollout_id text constraint seeds_rollout references rollouts (id) on delete cascade)`
    await sql`create function noop() returns trigger language plpgsql as 'begin return null; end'`
    await sql`create trigger watch after insert on grades execute function noop()`
    await expect(migrateAll()).rejects.toThrow(
      "the ledger's tables are replaced, and something else uses them: constraint seeds_rollout on table seeds, trigger " +
        'watch on table grades, view worst. Drop them and start again.',
    )
    expect(await sql`select id from rollouts`).toHaveLength(10)
    await sql`drop view worst`
    await sql`alter table seeds drop constraint seeds_rollout`
    await sql`drop trigger watch on grades`
    await migrateAll()
    expect(await isReady()).toBe(true)
  })

  it('is taken over by ten processes in a database whose transactions are serializable', async () => {
    await fillOlderLedger(sql, 100, 2)
    await keep()
    await sql.unsafe(
      `alter database ${new URL(database.url).pathname.slice(1)} set default_transaction_isolation = 'serializable'`,
    )
    await Promise.all(Array.from({ length: 10 }, () => migrateAll()))
    expect(await differences()).toEqual([0, 0, 0, 0])
  })

  it('is taken over although a transaction of an older replica locks its tables in another order', async () => {
    await fillOlderLedger(sql, 10, 1)
    let migrating: Promise<void> | undefined
    await sql.begin(async (older) => {
      await older`set local deadlock_timeout = '10s'`
      await older`select from rollouts`
      migrating = migrateAll()
      const waits = async () =>
        await older`select from pg_locks where not granted and relation = 'rollouts'::regclass and pid <> pg_backend_pid()`
      while ((await waits()).length === 0) await sleep(10)
      // The migration holds this table, waits for the other one, and gives in.
      await older`insert into items (hash, content) values ('late', '{}')`
    })
    await migrating
    expect([await isReady(), (await sql`select from items where hash = 'late'`).length]).toEqual([true, 1])
  })

  it('makes no run if it is empty', async () => {
    const seen: TakeoverProgress[] = []
    await migrateAll((progress) => seen.push(progress))
    expect([seen.length, await isReady()]).toEqual([0, true])
    expect(await sql`select name from runs`).toHaveLength(0)
  })

  it('tells how far it is in rows and percent', () => {
    expect(takeoverText({ done: 250, total: 1_000 })).toBe("taking over the ledger's rows: 250 of 1000 (25 %)")
  })
})

describe('a replica of a build from before runs and attempts', () => {
  it('has each of its statements refused while and after the ledger is taken over, and writes nothing', async () => {
    await fillOlderLedger(sql, 1_200, 1)
    const replica = postgres(database.url, { max: 1, onnotice() {} })
    const statements = olderStatements()
    const refusals = async () => {
      const failed: string[] = []
      for (const { name, text, values } of statements) {
        await replica.unsafe(text, [...values], { prepare: true }).catch((error: unknown) => {
          if (error instanceof postgres.PostgresError) failed.push(`${name}: ${error.code}`)
        })
      }
      return failed
    }
    // They work before, and are prepared on its connection.
    expect(await refusals()).toEqual([])
    expect(statements.length).toBeGreaterThan(20)
    const counts = () => sql`
      select (select count(*)::int from rollouts) as rollouts, (select count(*)::int from tool_calls) as calls,
        (select count(*)::int from grades) as grades, (select count(*)::int from items) as items`
    await expect(
      migrateAll(({ done }) => {
        if (done > 50) throw new Error('died')
      }),
    ).rejects.toThrow('died')
    const between = await counts()
    const refused = statements.map(({ name }) =>
      expect.stringMatching(new RegExp(`^${name}: (42703|42P10|23502)$`, 'u')),
    )
    expect(await refusals()).toEqual(refused)
    expect(await counts()).toEqual(between)
    await migrateAll()
    const after = await counts()
    expect(await refusals()).toEqual(refused)
    expect(await counts()).toEqual(after)
    await replica.end()
  })
})
