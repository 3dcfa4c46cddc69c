import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { isPublicHost } from '../../../../src/workbench/preflight/recognise.ts'
import { createWire, TooMuch } from '../../../../src/workbench/preflight/wire.ts'
import type { Agent } from '../../../../src/workbench/simulate/agent.ts'
import { useDatabase } from '../../../support/database.ts'
import {
  bodyOf,
  checked,
  listen,
  serveWith,
  settingsFor,
  writeDataset,
} from '../../../support/preflight/checked-server.ts'

const database = useDatabase()
let files: ReturnType<typeof writeDataset>

beforeAll(async () => {
  files = writeDataset()
})
afterAll(async () => {
  await files.remove()
})

const quiet = { rate: 20, seconds: 0, isGraded: true, burst: 0, maxP99: 10, maxBurstP99: 60, maxErrors: 0 }
const lazy: Agent = { name: 'lazy', play: async () => '' }
const knowing: Agent = {
  name: 'knowing',
  async play({ question, random, callTogether }) {
    const call = { tool: 'look', arguments: { word: question } }
    await callTogether([call, call])
    const number = Number(/\d+/.exec(question)?.[0])
    return random() < 0.5 ? `colour-${number * 7919}` : 'no idea'
  },
}

describe('preflight', { timeout: 60_000 }, () => {
  it('counts its requests, and sends no more than it announced', async () => {
    const server = await serveWith(database)
    const baseline = { agents: [knowing], items: 3, group: 2, maxSteps: 4, seed: '1' }
    const { requests, planned } = await checked(settingsFor(server, files, { baseline }))
    await server.close()
    expect(server.requests()).toBe(requests)
    expect(requests).toBeGreaterThan(200)
    expect(requests).toBeLessThanOrEqual(planned)
    // Not many times as many as are sent.
    expect(planned).toBeLessThan(requests * 2)
  })

  it('grades no rollouts of the load with isGraded false', async () => {
    const server = await serveWith(database)
    const load = { ...quiet, seconds: 1, burst: 30 }
    const countGrades = async () => Number((await database.sql`select count(*) from ledger.gradings`)[0]?.['count'])
    const run = async (pressed: typeof load) => {
      const before = await countGrades()
      const { requests, of } = await checked(settingsFor(server, files, { load: pressed }))
      return { requests, failed: of('fail'), grades: (await countGrades()) - before }
    }
    const [none, called, graded] = [await run(quiet), await run({ ...load, isGraded: false }), await run(load)]
    await server.close()
    expect([none.failed, called.failed, graded.failed]).toEqual([[], [], []])
    expect([called.requests - none.requests, called.grades - none.grades]).toEqual([20 + 30, 0])
    // Of twenty requests at the steady rate every fifth is a grading.
    expect([graded.requests - none.requests, graded.grades - none.grades]).toEqual([20 + 60, 4 + 30])
  })

  it('cannot send more requests than announced', async () => {
    const server = await serveWith(database)
    const settings = settingsFor(server, files)
    const wire = createWire({
      ...settings,
      toolUrl: () => `${server.url}/tools/look`,
      graderUrl: `${server.url}/grade`,
    })
    await expect(wire.get('/tools')).rejects.toThrow(TooMuch)
    wire.announce(1)
    expect(await wire.get('/tools')).toMatchObject({ status: 200 })
    await expect(wire.grade({ output: '', item: { messages: [{ role: 'user', content: '' }] } })).rejects.toThrow(
      TooMuch,
    )
    await server.close()
    expect([server.requests(), wire.sent]).toEqual([1, 1])
  })

  it('sends a load to a public address only after confirmation', async () => {
    const server = await serveWith(database)
    const settings = settingsFor(server, files, { isPublicHost: async () => true })
    const refused = await checked(settings, false)
    expect(refused.asked).toEqual([new URL(server.url).host])
    expect(refused.of('warn')).toEqual(['steady rate', 'burst'])
    expect(refused.of('fail')).toEqual(['reachable'])
    const allowed = await checked(settings, true)
    await server.close()
    expect([allowed.of('warn'), allowed.requests - refused.requests]).toEqual([[], 20 + 160])
  })

  it.each([
    ['127.0.0.1', false],
    ['localhost', false],
    ['[::1]', false],
    ['192.168.1.7', false],
    ['10.0.0.1', false],
    ['93.184.215.14', true],
    ['[2606:2800:21f:cb07:6820:80da:af6b:8b2c]', true],
    ['nobody-has-this-name.invalid', true],
  ])('takes %s for a public address: %s', async (host, expected) => {
    expect(await isPublicHost(host)).toBe(expected)
  })

  it('says why a server cannot be reached, and still checks the dataset', async () => {
    const server = await serveWith(database)
    await server.close()
    const gone = await checked(settingsFor(server, files))
    expect([gone.of('fail'), gone.verdicts[0]?.why]).toEqual([['reachable'], expect.stringContaining('ECONNREFUSED')])
    expect(gone.of('pass')).toContain('dataset: rows')
    const plain = await serveWith(database)
    const secured = { url: plain.url.replace('http:', 'https:') }
    const noTls = await checked(settingsFor(secured, files))
    await plain.close()
    expect([noTls.of('fail'), noTls.verdicts[0]?.advice]).toEqual([
      ['reachable'],
      expect.stringContaining('certificate'),
    ])
  })

  it('without a key says that the server requires none, which is a fault on a public address', async () => {
    const server = await listen(async () => Response.json({ output: 'x', score: 0 }))
    const rest = { headers: {}, load: quiet, calls: { look: { word: 'x' } } }
    const onLoopback = await checked(settingsFor(server, files, rest))
    const open = await checked(settingsFor(server, files, { ...rest, isPublicHost: async () => true }))
    await server.close()
    const tokenOf = ({ verdicts }: typeof onLoopback) => verdicts.find(({ check }) => check === 'token')?.outcome
    expect([tokenOf(onLoopback), tokenOf(open)]).toEqual(['skip', 'fail'])
    const locked = await serveWith(database)
    const without = await checked(settingsFor(locked, files, rest))
    await locked.close()
    expect(tokenOf(without)).toBe('fail')
  })

  it('works with a server that is not a Scorekeeper, and skips checks that are not possible', async () => {
    const server = await listen(async (request) => {
      if (request.headers.get('authorization') === null) return new Response('who?', { status: 401 })
      if (request.headers.get('authorization')?.includes('wrong')) return new Response('no', { status: 403 })
      if (request.method === 'GET') return new Response('nothing here', { status: 404 })
      if (Number(request.headers.get('content-length')) > 1_100_000) return new Response('too much', { status: 413 })
      const { call_id, id, arguments: args, sample, item } = await bodyOf(request)
      if (request.url.endsWith('/score')) {
        const right = JSON.stringify(sample).includes(`"output_text":${JSON.stringify(Object(item).answer)}`)
        return Response.json({ score: Number(right) })
      }
      const word = /"word":"([^"]+)"/.exec(String(args))?.[1]
      if (word === undefined) return new Response('say a word', { status: 422 })
      return Response.json({ type: 'function_call_output', call_id, id, output: `nothing about ${word}` })
    })
    const rest = { load: quiet, tools: '/call/{name}', grader: 'score', ownBudget: 10 }
    const { verdicts, of } = await checked(settingsFor(server, files, rest))
    await server.close()
    expect(verdicts.filter(({ outcome }) => outcome === 'fail' || outcome === 'warn')).toEqual([])
    expect(of('skip')).toEqual(['dataset: references', 'dataset: tools', 'retries', 'budget', 'baseline'])
    expect(of('pass')).toContain('reference')
  })

  it('determines the budget of an unknown server, and detects one that miscounts under concurrency', async () => {
    /** Admits this many calls of a rollout, counted before or after it yields to other calls. */
    const counting = (most: number, isHasty: boolean) => {
      const counts = new Map<unknown, number>()
      return listen(async (request) => {
        if (request.method === 'GET' || !request.url.includes('/tools')) return Response.json({ score: 0 })
        const { call_id, id, trace_id } = await bodyOf(request)
        const before = counts.get(trace_id) ?? 0
        if (!isHasty) counts.set(trace_id, before + 1)
        await new Promise((resolve) => setTimeout(resolve, isHasty ? 50 : 5))
        if (isHasty) counts.set(trace_id, before + 1)
        const output = before < most ? 'a page' : 'the budget is used up'
        return Response.json({ type: 'function_call_output', call_id, id, output })
      })
    }
    const look = async (server: Awaited<ReturnType<typeof counting>>) => {
      const { verdicts } = await checked(settingsFor(server, files, { load: quiet }))
      await server.close()
      return verdicts.find(({ check }) => check === 'budget')
    }
    expect(await look(await counting(10, false))).toMatchObject({ outcome: 'pass' })
    expect(await look(await counting(11, false))).toMatchObject({
      outcome: 'warn',
      why: 'of 40 parallel calls of a rollout 11 were admitted, and 11 of as many sequential ones; the budget of this project is 10',
    })
    expect(await look(await counting(10, true))).toMatchObject({
      outcome: 'fail',
      why: expect.stringMatching(/ (?:1[1-9]|[234]\d) were admitted, and 10 of as many/),
    })
    expect(await look(await counting(99, false))).toMatchObject({ outcome: 'skip' })
  })

  it('fails if no tool is known', async () => {
    const server = await listen(async () => new Response('?', { status: 404 }))
    const bare = join(files.dataset, '..', 'bare.jsonl')
    writeFileSync(bare, readFileSync(files.dataset, 'utf8').replaceAll(/"tools":\[.*?\}\}\}?\],/g, ''))
    const { verdicts } = await checked(settingsFor(server, { dataset: bare, validation: undefined }))
    await server.close()
    expect(verdicts.at(-1)).toMatchObject({ check: 'contract', outcome: 'fail' })
    expect(verdicts.at(-1)?.why).toContain('no tool is known')
  })

  it('reports the same problems of the dataset as the command dataset check', async () => {
    const server = await serveWith(database)
    const rows = readFileSync(files.dataset, 'utf8').trim().split('\n')
    const bad = join(files.dataset, '..', 'bad.jsonl')
    writeFileSync(bad, [...rows.slice(0, 8), rows[0], '{"messages":'].join('\n'))
    const { of } = await checked(settingsFor(server, { dataset: bad, validation: bad }, { load: quiet }))
    await server.close()
    const wrong = ['lines', 'rows', 'duplicates', 'overlap']
    expect(of('fail')).toEqual(wrong.map((check) => `dataset: ${check}`))
  })

  it('plays a few rollouts of the given agents, and reports how many items have no spread', async () => {
    const server = await serveWith(database)
    const play = async (...agents: Agent[]) => {
      const baseline = { agents, items: 8, group: 4, maxSteps: 4, seed: '1' }
      const { verdicts } = await checked(settingsFor(server, files, { load: quiet, baseline }))
      return verdicts.find(({ check }) => check === 'baseline')
    }
    const good = await play(knowing)
    expect([good?.outcome, good?.why]).toEqual([
      'pass',
      expect.stringMatching(/^32 rollouts earn 0\.\d\d .* 2\.0 calls/),
    ])
    const flat = await play(lazy)
    expect([flat?.outcome, flat?.why]).toEqual([
      'warn',
      expect.stringContaining('8 of 8 items have no spread (8 always at the least, 0 at the most)'),
    ])
    let offered: readonly string[] = []
    const curious: Agent = {
      name: 'curious',
      async play({ tools }) {
        offered = tools.map(({ function: { name } }) => name)
        return ''
      },
    }
    const bare = join(files.dataset, '..', 'without-tools.jsonl')
    writeFileSync(bare, '{"messages":[{"role":"user","content":"What?"}],"answer":"this"}\n')
    const own = { ...files, dataset: bare }
    await checked(
      settingsFor(server, own, {
        load: quiet,
        baseline: { agents: [curious], items: 1, group: 1, maxSteps: 1, seed: '1' },
      }),
    )
    expect(offered).toEqual(['look'])
    const broken = await play({ name: 'broken', play: () => Promise.reject(new Error('no model')) })
    await server.close()
    expect([broken?.outcome, broken?.why]).toEqual(['fail', expect.stringContaining('no model')])
  })
})
