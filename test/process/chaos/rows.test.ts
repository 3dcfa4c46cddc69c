import { chmodSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Ends, openEnds } from '../../../chaos/ends.ts'
import { countOpen } from '../../../chaos/evidence.ts'
import { type Pooler, startPooler } from '../../../chaos/pooler.ts'
import { type Cluster, startCluster } from '../../../chaos/postgres.ts'
import { createReplica, type Replica } from '../../../chaos/replica.ts'
import { createTables } from '../../../chaos/tables.ts'
import { createPost } from '../../../chaos/trainer/post.ts'
import { sizeOf } from '../../support/runs.ts'

const item = { question: 'what is mine?', answer: 'unknown', rows: 200 }
/** How many rollouts end in each of the four ways. */
const quarter = sizeOf(30, 125)
const path = process.env['PATH'] ?? ''
const hasPooler = path.split(delimiter).some((folder) => existsSync(join(folder, 'pgbouncer')))

const ways = ['straight to Postgres', ...(hasPooler ? ['behind PgBouncer'] : [])]

describe.each(ways)('two replicas %s, one of which is killed meanwhile', (way) => {
  const isPooled = way === 'behind PgBouncer'
  const folder = mkdtempSync(join(tmpdir(), 'scorekeeper-rows-'))
  const { post, close } = createPost()
  let cluster: Cluster
  let pooler: Pooler | undefined
  let replicas: Replica[] = []
  let ends: Ends

  beforeAll(async () => {
    chmodSync(folder, 0o711)
    cluster = await startCluster(folder)
    await createTables(cluster)
    if (isPooled) pooler = await startPooler(folder, cluster, cluster.port())
    const url = `postgres://${cluster.user}:${cluster.password}@127.0.0.1:${pooler?.port ?? cluster.port()}/postgres`
    const env = { PATH: path, DATABASE_URL: url, DATABASE_PREPARE: String(!isPooled) }
    replicas = [0, 1].map((index) => createReplica(index, env))
    await Promise.all(replicas.map((replica) => replica.start()))
    ends = openEnds(cluster, url, !isPooled)
  }, 120_000)

  afterAll(async () => {
    close()
    await ends.close()
    await Promise.all(replicas.map((replica) => replica.close()))
    await pooler?.stop()
    await cluster.close()
    rmSync(folder, { recursive: true, force: true })
  }, 60_000)

  /** Sends a request to one replica after the other, until it is answered with 200; resolves with the output or the score. */
  async function persist(first: number, path: string, body: unknown): Promise<{ tries: number; result: unknown }> {
    for (let tries = 0; tries < 40; tries += 1) {
      const life = replicas[(first + tries) % replicas.length]?.current()
      const answer = life && (await post(life.url, path, body)).answer
      if (answer?.kind === 'answered' && answer.status === 200) return { tries, result: answer.output ?? answer.score }
      await sleep(100)
    }
    throw new Error(`${path} was never answered with 200`)
  }

  function call(n: number, run: string, rolloutId: string, callId: string, tool: string) {
    const ids = { type: 'function_call', id: callId, call_id: callId, trace_id: rolloutId, name: tool, item }
    return persist(n, `/runs/${run}/tools/${tool}`, { ...ids, arguments: '{"behaviour":"plain"}' })
  }

  it('begin each of 50 rollouts exactly once for 200 first calls at once', async () => {
    let answered = 0
    const calls = Array.from({ length: 200 }, async (_, n) => {
      const made = await call(n, 'burst', `rollout_${n % 50}`, `call_${n}`, n % 4 < 2 ? 'look' : 'write')
      answered += 1
      return made
    })
    while (answered < 10) await sleep(1)
    const [victim] = replicas
    const atKill = answered
    await victim?.kill()
    const made = await Promise.all(calls)
    await victim?.start()
    expect(atKill).toBeLessThan(200)
    expect(made.some(({ tries }) => tries > 0)).toBe(true)
    expect(made.filter(({ result }) => !String(result).startsWith('done '))).toEqual([])
    const rows = await cluster.asking(
      (sql) => sql`
        select r.attempt, r.calls, (select count(*)::int from chaos_hooks h where h.number = r.number) as begun,
          count(*)::int as rows, count(distinct c.seed)::int as seeds
        from rollouts r join chaos_rows c on c.rollout = r.number where r.run = 'burst' group by r.run, r.number`,
    )
    expect(rows.map((row) => ({ ...row }))).toEqual(
      Array.from({ length: 50 }, () => ({ attempt: 1, calls: 4, begun: 1, rows: 200, seeds: 1 })),
    )
  }, 120_000)

  it('begin a rollout once whose first call is retried after the replica was killed within its begin hook', async () => {
    const [victim] = replicas
    const [other] = await cluster.asking(async (sql) => {
      let made: ReturnType<typeof call> | undefined
      await sql.begin(async (tx) => {
        // The hook has seeded the rows, and waits for this lock.
        await tx`lock table chaos_hooks in access exclusive mode`
        made = call(0, 'killed', 'rollout', 'call', 'write')
        const waiting = () => sql`select 1 from pg_locks where not granted and relation = 'chaos_hooks'::regclass`
        while ((await waiting()).length === 0) await sleep(5)
        await victim?.kill()
      })
      return [await made]
    }, 2)
    await victim?.start()
    expect(other?.tries).toBeGreaterThan(0)
    const rows = await cluster.asking(
      (sql) => sql`
        select r.attempt, r.calls, (select count(*)::int from chaos_hooks h where h.number = r.number) as begun,
          (select count(*)::int from chaos_rows c where c.rollout = r.number) as rows
        from rollouts r where r.run = 'killed'`,
    )
    expect(rows.map((row) => ({ ...row }))).toEqual([{ attempt: 1, calls: 1, begun: 1, rows: 200 }])
  }, 120_000)

  it('end rollouts after a grading, idle, by the verb and with their run, and leave no row', async () => {
    const ids = Array.from({ length: 4 * quarter }, (_, n) => ({ n, id: `rollout_${n}`, way: n % 4 }))
    const runOf = (way: number) => (way === 3 ? 'deleted' : 'kept')
    await Promise.all(ids.map(({ n, id, way }) => call(n, runOf(way), id, 'call', 'write')))
    const graded = ids.filter(({ way }) => way === 0)
    await Promise.all(
      graded.map(({ n, id }) => persist(n, '/runs/kept/grade', { sample: { output_text: 'x' }, item, trace_id: id })),
    )
    const closed = ids.filter(({ way }) => way === 2)
    await Promise.all([...closed.map(({ id }) => ends.end('kept', id)), ends.deleteRun('deleted')])
    await ends.age()
    const open = await countOpen(cluster)
    while ((await countOpen(cluster)) === open) await sleep(5)
    await Promise.all(replicas.map((replica) => replica.kill()))
    await Promise.all(replicas.map((replica) => replica.start()))
    while ((await countOpen(cluster)) > 0) await sleep(50)
    const [left] = await cluster.asking(
      (sql) => sql`
        select (select count(*)::int from chaos_rows) as rows,
          (select count(distinct number)::int from chaos_hooks where hook = 'begin') as begun,
          (select count(distinct number)::int from chaos_hooks where hook = 'end' and rows = 200 and seeds = 1) as ended,
          (select count(*)::int from rollouts where run = 'deleted') as deleted`,
    )
    expect({ ...left }).toEqual({ rows: 0, begun: 51 + 4 * quarter, ended: 51 + 4 * quarter, deleted: 0 })
    const outcomes = await cluster.asking(
      (sql) => sql`
        select outcome, count(*)::int as rollouts from rollouts where run = 'kept' group by outcome order by outcome`,
    )
    expect(outcomes.map(({ outcome, rollouts }) => [outcome, rollouts])).toEqual([
      ['abandoned', quarter],
      ['closed', quarter],
      ['graded', quarter],
    ])
  }, 400_000)
})
