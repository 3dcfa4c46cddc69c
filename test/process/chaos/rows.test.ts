import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Ends, openEnds } from '../../../chaos/ends.ts'
import { countOpen } from '../../../chaos/evidence.ts'
import { type Cluster, startCluster } from '../../../chaos/postgres.ts'
import { createReplica, type Replica } from '../../../chaos/replica.ts'
import { createTables } from '../../../chaos/tables.ts'
import { createPost } from '../../../chaos/trainer/post.ts'

const folder = mkdtempSync(join(tmpdir(), 'scorekeeper-rows-'))
const { post, close } = createPost()
const item = { question: 'what is mine?', answer: 'unknown', rows: 200 }
let cluster: Cluster
let replicas: Replica[] = []
let ends: Ends

beforeAll(async () => {
  chmodSync(folder, 0o711)
  cluster = await startCluster(folder)
  await createTables(cluster)
  const url = `postgres://${cluster.user}:${cluster.password}@127.0.0.1:${cluster.port()}/postgres`
  const env = { PATH: process.env['PATH'] ?? '', DATABASE_URL: url }
  replicas = [0, 1].map((index) => createReplica(index, env))
  await Promise.all(replicas.map((replica) => replica.start()))
  ends = openEnds(cluster, url, true)
}, 120_000)

afterAll(async () => {
  close()
  await ends.close()
  await Promise.all(replicas.map((replica) => replica.close()))
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

describe('two replicas, one of which is killed meanwhile', () => {
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

  it('end rollouts after a grading, idle, by the verb and with their run, and leave no row', async () => {
    const ids = Array.from({ length: 120 }, (_, n) => ({ n, id: `rollout_${n}`, way: n % 4 }))
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
    // The time of their leases passes.
    await cluster.asking((sql) => sql`update rollouts set lease_until = now() where released_at is null`)
    await Promise.all(replicas.map((replica) => replica.start()))
    while ((await countOpen(cluster)) > 0) await sleep(50)
    const [left] = await cluster.asking(
      (sql) => sql`
        select (select count(*)::int from chaos_rows) as rows,
          (select count(distinct number)::int from chaos_hooks where hook = 'begin') as begun,
          (select count(distinct number)::int from chaos_hooks where hook = 'end' and rows = 200 and seeds = 1) as ended,
          (select count(*)::int from rollouts where run = 'deleted') as deleted`,
    )
    expect({ ...left }).toEqual({ rows: 0, begun: 170, ended: 170, deleted: 0 })
    const outcomes = await cluster.asking(
      (sql) => sql`
        select outcome, count(*)::int as rollouts from rollouts where run = 'kept' group by outcome order by outcome`,
    )
    expect(outcomes.map(({ outcome, rollouts }) => [outcome, rollouts])).toEqual([
      ['abandoned', 30],
      ['closed', 30],
      ['graded', 30],
    ])
  }, 180_000)
})
