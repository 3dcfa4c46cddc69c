import { once } from 'node:events'
import { Agent, type IncomingMessage, request } from 'node:http'
import { connect } from 'node:net'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { toolCall } from '../../support/app.ts'
import { useDatabase } from '../../support/database.ts'
import { addressOf, kill, type ServerProcess, spawnServer } from '../../support/server-process.ts'
import { useFolder } from '../../support/temporary.ts'

const program = fileURLToPath(new URL('../../support/replica-process.ts', import.meta.url))

const database = useDatabase({ poolSize: 2 })
const folder = useFolder()
let processes: ServerProcess[] = []

beforeAll(async () => {
  await database.sql`create table effects (rollout text, execution int)`
})

afterEach(async () => {
  await Promise.all(processes.map(kill))
  processes = []
})

async function start(env: Record<string, string>) {
  const server = spawnServer(folder, { DATABASE_URL: database.url, ...env }, program)
  processes.push(server)
  return { ...server, url: await addressOf(server) }
}

/** Sends a request over an agent's connection; rejects if that closes before the answer is complete. */
async function ask(agent: Agent | undefined, url: string, body?: unknown, onSent = () => {}) {
  const asked = request(url, { ...(agent && { agent }), method: body === undefined ? 'GET' : 'POST' })
  asked.once('finish', onSent).end(body === undefined ? undefined : JSON.stringify(body))
  const [response]: [IncomingMessage] = await new Promise((resolve, reject) => {
    asked.on('response', (response) => resolve([response])).on('error', reject)
  })
  let text = ''
  for await (const chunk of response) text += chunk
  const answer = z.looseObject({ output: z.string().optional(), error: z.object({ code: z.string() }).optional() })
  const { statusCode: status, headers } = response
  return { ...answer.parse(JSON.parse(text)), status, closes: headers.connection === 'close' }
}

const effectsOf = async (rollout: string) =>
  (await database.sql`select execution from effects where rollout = ${rollout} order by execution`).map(
    ({ execution }) => execution,
  )

describe('a server that receives SIGTERM under load', () => {
  it('answers every request that had begun, announces on each connection that it closes, and exits with 0', async () => {
    const { url, child, ended } = await start({ DRAIN_SECONDS: '15' })
    const counted = { before: 0, after: 0 }
    let isStopping = false
    const answered: string[] = []
    // Each client sends one request after another over one connection, until an answer announces that it closes.
    const client = async (n: number) => {
      const agent = new Agent({ keepAlive: true, maxSockets: 1 })
      const tool = n % 4 === 0 ? 'write' : 'read'
      for (let turn = 0; ; turn += 1) {
        const rollout = `load-${n}-${turn}`
        const { status, closes } = await ask(agent, `${url}/tools/${tool}`, toolCall(tool, rollout, 'a'))
        expect(status).toBe(200)
        answered.push(rollout)
        counted[isStopping ? 'after' : 'before'] += 1
        if (closes) return agent.destroy()
      }
    }
    const clients = Array.from({ length: 40 }, (_, n) => client(n))
    // These hold an idle connection when the signal arrives.
    const late = [new Agent({ keepAlive: true, maxSockets: 1 }), new Agent({ keepAlive: true, maxSockets: 1 })]
    for (const agent of late) expect((await ask(agent, `${url}/readyz`)).status).toBe(200)
    const quiet = connect(Number(new URL(url).port), '127.0.0.1')
    await once(quiet, 'connect')
    const quietEnded = once(quiet.resume(), 'end')
    await expect.poll(() => counted.before).toBeGreaterThan(200)

    isStopping = true
    child.kill('SIGTERM')
    const refused = () => ask(undefined, `${url}/healthz`).then(String, ({ code }) => code)
    await expect.poll(refused, { interval: 5 }).toBe('ECONNREFUSED')
    const [first, second] = await Promise.all([
      ask(late[0], `${url}/readyz`),
      ask(late[1], `${url}/tools/read`, toolCall('read', 'late', 'a')),
    ])
    expect(first).toMatchObject({ status: 503, closes: true, error: { code: 'server_stopping' } })
    expect(second).toMatchObject({ status: 200, closes: true, output: 'read' })
    await Promise.all([...clients, quietEnded])
    expect(counted.after).toBeGreaterThanOrEqual(40)
    expect(await ended).toBe(0)

    const stored = await database.sql`select rollout_id as id from ledger.calls where outcome = 'ok'`
    expect(new Set(stored.map(({ id }) => id))).toEqual(new Set([...answered, 'late']))
    const [written] = await database.sql`
      select count(*)::int as effects, count(distinct rollout)::int as rollouts from effects where rollout like 'load-%'`
    const writes = answered.filter((rollout) => Number(rollout.split('-')[1]) % 4 === 0).length
    expect(written).toEqual({ effects: writes, rollouts: writes })
  })

  it('answers connections that the system has queued but the server has not accepted yet', async () => {
    const { url, child, ended } = await start({ DRAIN_SECONDS: '15' })
    // While it is frozen, the kernel queues connections and their data; the signal is pending before the server accepts one.
    child.kill('SIGSTOP')
    let sent = 0
    const asked = Array.from({ length: 100 }, (_, n) => {
      const call = ask(undefined, `${url}/tools/read`, toolCall('read', `queued-${n}`, 'a'), () => {
        sent += 1
      })
      return call.then(({ status }) => status, String)
    })
    await expect.poll(() => sent).toBe(100)
    child.kill('SIGTERM')
    child.kill('SIGCONT')
    expect(new Set(await Promise.all(asked))).toEqual(new Set([200]))
    expect(await ended).toBe(0)
  })

  it.each(['waits for', 'has given up'])(
    'releases the claim of a call whose client %s its answer, so that another replica takes over at once',
    async (it) => {
      const rollout = it.replaceAll(' ', '-')
      const [here, there] = [await start({ DRAIN_SECONDS: '0.5' }), await start({ DRAIN_SECONDS: '0.5' })]
      const client = new Agent()
      const answer = ask(client, `${here.url}/tools/act`, toolCall('act', rollout, 'a')).catch(() => 'cut off')
      await expect.poll(() => effectsOf(rollout)).toEqual([1])
      if (it === 'has given up') client.destroy()

      here.child.kill('SIGTERM')
      const stopped = { status: 503, closes: true, error: { code: 'server_stopping' } }
      expect([await answer]).toMatchObject([it === 'has given up' ? 'cut off' : stopped])
      expect(await here.ended).toBe(0)
      const rows = await database.sql`select outcome, claim from ledger.calls where rollout_id = ${rollout}`
      expect(rows.map((row) => ({ ...row }))).toEqual([{ outcome: 'failed', claim: null }])
      const retried = await ask(undefined, `${there.url}/tools/act`, toolCall('act', rollout, 'a'))
      expect(retried).toMatchObject({ status: 200, output: 'execution 2' })
      expect(await effectsOf(rollout)).toEqual([1, 2])
    },
  )

  it('still accepts connections for a while, if configured, while it reports that it is not ready', async () => {
    const { url, child, ended } = await start({ DRAIN_SECONDS: '10', DRAIN_DELAY_SECONDS: '2' })
    child.kill('SIGTERM')
    const ready = () => ask(undefined, `${url}/readyz`)
    await expect.poll(async () => (await ready()).status).toBe(503)
    expect(await ask(undefined, `${url}/tools/read`, toolCall('read', 'delayed', 'a'))).toMatchObject({ status: 200 })
    expect(await ask(undefined, `${url}/healthz`)).toMatchObject({ status: 200, closes: true })
    expect(await ended).toBe(0)
  })
})
