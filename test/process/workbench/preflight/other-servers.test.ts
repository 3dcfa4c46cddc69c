import { PassThrough } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { saysYes } from '../../../../src/cli/ask.ts'
import type { PreflightSettings } from '../../../../src/workbench/preflight/settings.ts'
import { targetOf } from '../../../../src/workbench/simulate/target.ts'
import { bodyOf, checked, key, listen, settingsFor, writeDataset } from '../../../support/preflight/checked-server.ts'
import { scorekeeper } from '../../../support/scorekeeper.ts'

let files: ReturnType<typeof writeDataset>
beforeAll(() => {
  files = writeDataset()
})
afterAll(() => files.remove())

type Body = Record<string, unknown>
type Answers = (body: Body, request: Request) => Response | undefined | Promise<Response | undefined>

const load = { rate: 20, seconds: 0, isGraded: true, burst: 0, maxP99: 10, maxBurstP99: 60, maxErrors: 0.001 }
const headers = { authorization: `Bearer ${key}` }

const said = ({ call_id, id }: Body, output: unknown) =>
  Response.json({ type: 'function_call_output', call_id, id, output })

/** Checks a server that is no Scorekeeper: sound, but for what is given. */
async function checkedServer(
  { tool, grader }: { readonly tool?: Answers; readonly grader?: Answers },
  rest: Partial<PreflightSettings> = {},
) {
  const server = await listen(async (request) => {
    if (request.method === 'GET') return new Response('nothing here', { status: 404 })
    if (request.headers.get('authorization') !== headers.authorization) return new Response('who?', { status: 401 })
    if (Number(request.headers.get('content-length')) > 1_100_000) return new Response('too much', { status: 413 })
    const body = await bodyOf(request)
    if (request.url.endsWith('/grade')) return (await grader?.(body, request)) ?? Response.json({ score: 0 })
    return (await tool?.(body, request)) ?? said(body, 'a page')
  })
  const { verdicts } = await checked(settingsFor(server, files, { load, ...rest }))
  await server.close()
  return (check: string) => verdicts.find((verdict) => verdict.check === check)
}

describe('preflight of another server', () => {
  it('counts a budget of a tool that says something else when it is called again in a rollout', async () => {
    const counting = (most: number): Answers => {
      const calls = new Map<unknown, number>()
      return (body) => {
        const before = calls.get(body['trace_id']) ?? 0
        calls.set(body['trace_id'], before + 1)
        return said(body, before >= most ? 'no more calls' : before > 0 ? 'you have read that' : 'a page')
      }
    }
    const given = { budget: 10 }
    expect((await checkedServer({ tool: counting(10) }, given))('budget')).toMatchObject({ outcome: 'pass' })
    expect((await checkedServer({ tool: counting(11) }, given))('budget')).toMatchObject({
      outcome: 'fail',
      why: expect.stringContaining('11 were admitted'),
    })
    expect((await checkedServer({ tool: counting(10) }))('budget')).toMatchObject({
      outcome: 'pass',
      why: expect.stringContaining('10 were admitted, and 10 of as many'),
    })
    expect((await checkedServer({ tool: counting(99) }))('budget')).toMatchObject({ outcome: 'skip' })
  })

  it('does not take for accepted a key that is answered with a redirect or an error', async () => {
    const away = () => new Response(null, { status: 302, headers: { location: 'https://login.example.com/' } })
    const redirected = await checkedServer({ tool: away })
    expect(redirected('token')).toMatchObject({
      outcome: 'fail',
      why: expect.stringContaining('a tool answers 302 to https://login.example.com/'),
    })
    const broken = await checkedServer({ grader: () => new Response('oops', { status: 500 }) })
    expect(broken('token')).toMatchObject({ outcome: 'skip', why: expect.stringContaining('the grader answers 500') })
  })

  it('knows nothing of a leak where the item is not taken with another reference', async () => {
    const strict = await checkedServer({
      tool: ({ item }) =>
        JSON.stringify(item).includes('canary') ? new Response('no such answer', { status: 422 }) : undefined,
    })
    expect(strict('reference')).toMatchObject({ outcome: 'skip', why: expect.stringContaining('look answers 422') })
  })

  it('knows nothing of 1 MB where the item is not taken with another field', async () => {
    const strict = await checkedServer({
      tool: ({ item }) =>
        JSON.stringify(item).includes('padding') ? new Response('no such field', { status: 422 }) : undefined,
    })
    expect(strict('1 MB')).toMatchObject({ outcome: 'skip', why: expect.stringContaining('preflight_padding') })
  })

  it.each([
    ['a firewall that turns many away', () => new Response('blocked', { status: 403 }), '× 403'],
    ['a waiting room', () => new Response('<!doctype html><p>Please wait'), '× 200 with a page of HTML'],
    ['a redirect', () => new Response(null, { status: 303, headers: { location: '/busy' } }), '× 303 to /busy'],
    ['an answer without an output', () => Response.json({ error: 'busy' }), '× 200 without'],
  ])(
    'finds %s under a load',
    async (_, busy, kind) => {
      const crowded = (): Answers => {
        let running = 0
        return async () => {
          running += 1
          await sleep(200)
          const isMuch = running > 30
          await sleep(50)
          running -= 1
          return isMuch ? busy() : undefined
        }
      }
      const pressed = { budget: 60, load: { ...load, burst: 60 } }
      const tools = await checkedServer({ tool: crowded() }, { ...pressed, only: ['look'] })
      const graders = await checkedServer({ grader: crowded() }, pressed)
      expect(tools('burst')).toMatchObject({ outcome: 'fail', why: expect.stringContaining(kind) })
      expect(graders('burst')).toMatchObject({ outcome: 'fail', why: expect.stringContaining(kind.slice(0, 14)) })
    },
    60_000,
  )

  it('finds a call that is answered, and broken when it is sent again', async () => {
    const seen = new Set<unknown>()
    const twice = await checkedServer({
      tool: ({ call_id: id }) => {
        if (seen.has(id)) return new Response('duplicate key', { status: 500 })
        seen.add(id)
        return undefined
      },
    })
    expect(twice('retries')).toMatchObject({
      outcome: 'fail',
      why: expect.stringContaining('look, sent again after its answer, gives 500'),
    })
  })

  it('warns of a stack trace that the model would read, as text or in JSON', async () => {
    const { stack = '' } = new Error('bad word')
    const isBad = ({ arguments: args }: Body) => !String(args).includes('"word":"')
    const text = await checkedServer({
      tool: (body) => (isBad(body) ? new Response(stack, { status: 400 }) : undefined),
    })
    const json = await checkedServer({ tool: (body) => (isBad(body) ? said(body, stack) : undefined) })
    for (const verdict of [text('bad arguments'), json('bad arguments')]) {
      expect(verdict).toMatchObject({ outcome: 'warn', why: expect.stringContaining('where its code is') })
    }
  })
})

describe('the command preflight', () => {
  it.each([
    [['--burst', '2.25'], 'whole number'],
    [['--rate', '0'], 'rate'],
    [['--range', '1,0'], 'range'],
    [['--max-errors', '5'], 'maxErrors'],
    [['--timeout', '0'], 'timeout'],
  ])('does not take %j', async (args, message) => {
    const ran = await scorekeeper(['preflight', 'http://localhost:1', '--dataset', files.dataset, ...args])
    expect([ran.code, ran.err]).toEqual([2, expect.stringContaining(message)])
  })

  it('takes no address with a query, behind which it would write paths', async () => {
    const ran = await scorekeeper(['preflight', 'http://localhost:1/api?code=1', '--dataset', files.dataset])
    expect([ran.code, ran.err]).toEqual([2, expect.stringContaining('--header')])
  })

  it.each([
    ['y\n', true],
    ['Yes\n', true],
    ['\n', false],
    ['no\n', false],
  ])('takes %j for %s', async (typed, expected) => {
    const input = new PassThrough()
    const asking = saysYes('Now?', { input, output: new PassThrough() }, new AbortController().signal)
    input.write(typed)
    expect(await asking).toBe(expected)
  })

  it('takes the end of the input for a no, and ends when it is stopped while it asks', async () => {
    const input = new PassThrough()
    const asking = saysYes('Now?', { input, output: new PassThrough() }, new AbortController().signal)
    input.end()
    expect(await asking).toBe(false)
    const stop = new AbortController()
    const stopped = saysYes('Now?', { input: new PassThrough(), output: new PassThrough() }, stop.signal)
    stop.abort(new Error('stopped'))
    await expect(stopped).rejects.toThrow('stopped')
  })
})

describe('the tools of a server', () => {
  it('are asked of nobody that its address leads to, who would get the key', async () => {
    const asked: string[] = []
    const other = await listen(async (request) => {
      asked.push(request.headers.get('x-functions-key') ?? 'none')
      return Response.json([])
    })
    const server = await listen(async () => Response.redirect(`${other.url}/tools`, 302))
    const options = { url: server.url, headers: { 'x-functions-key': 'secret' }, tools: '/tools/{name}', grader: '' }
    expect((await targetOf(options)).tools).toEqual([])
    await Promise.all([server.close(), other.close()])
    expect(asked).toEqual([])
  })
})
