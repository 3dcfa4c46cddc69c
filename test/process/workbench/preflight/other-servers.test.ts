import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { saysYes } from '../../../../src/cli/ask.ts'
import type { PreflightSettings } from '../../../../src/workbench/preflight/settings.ts'
import { targetOf } from '../../../../src/workbench/simulate/target.ts'
import { bodyOf, checked, key, listen, settingsFor, writeDataset } from '../../../support/preflight/checked-server.ts'
import { casesOf } from '../../../support/runs.ts'
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

const isWord = (body: Body) => String(body['arguments']).includes('"word":"')

/** A copy of a dataset whose rows define other tools. */
function withTools(dataset: string, tools: readonly unknown[]): string {
  const file = join(dataset, '..', 'other-tools.jsonl')
  const rows = readFileSync(dataset, 'utf8').trim().split('\n')
  writeFileSync(file, rows.map((row) => JSON.stringify({ ...JSON.parse(row), tools })).join('\n'))
  return file
}

const toolAnswer = ({ call_id, id }: Body, output: unknown) =>
  Response.json({ type: 'function_call_output', call_id, id, output })

/** Checks a server that is not a Scorekeeper and is sound except for what is given. */
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
    return (await tool?.(body, request)) ?? toolAnswer(body, 'a page')
  })
  const { verdicts } = await checked(settingsFor(server, files, { load, ...rest }))
  await server.close()
  return (check: string) => verdicts.find((verdict) => verdict.check === check)
}

describe('preflight of another server', () => {
  it('counts the budget with a tool whose output changes when it is called again in a rollout', async () => {
    const counting = (most: number): Answers => {
      const calls = new Map<unknown, number>()
      return (body) => {
        const before = calls.get(body['trace_id']) ?? 0
        calls.set(body['trace_id'], before + 1)
        return toolAnswer(body, before >= most ? 'no more calls' : before > 0 ? 'you have read that' : 'a page')
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
      why: expect.stringContaining('10 were admitted, and 10 of as many sequential ones'),
    })
    expect((await checkedServer({ tool: counting(99) }))('budget')).toMatchObject({ outcome: 'skip' })
  })

  it('does not consider a key accepted if the answer is a redirect or an error', async () => {
    const redirect = () => new Response(null, { status: 302, headers: { location: 'https://login.example.com/' } })
    const redirected = await checkedServer({ tool: redirect })
    expect(redirected('token')).toMatchObject({
      outcome: 'fail',
      why: expect.stringContaining('a tool answers 302 to https://login.example.com/'),
    })
    const broken = await checkedServer({ grader: () => new Response('oops', { status: 500 }) })
    expect(broken('token')).toMatchObject({ outcome: 'skip', why: expect.stringContaining('the grader answers 500') })
  })

  it('does not consider a key accepted by a 404 of the grader, and sees that the grader is missing', async () => {
    const missing = await checkedServer({ grader: () => new Response('?', { status: 404 }) })
    expect(missing('grader')).toMatchObject({
      outcome: 'fail',
      why: 'there is no grader at /grade: 404',
      advice: expect.stringContaining('--no-grader'),
    })
    expect(missing('token')).toMatchObject({ outcome: 'pass', why: 'the key is accepted, by tools' })
    expect([missing('score')?.outcome, missing('same score')]).toEqual(['skip', undefined])
    const deep = await checkedServer({ tool: () => new Response('?', { status: 404 }) })
    expect(deep('token')).toMatchObject({ outcome: 'skip', why: expect.stringContaining('a tool answers 404') })
  })

  it('finds a grader at another path, and calls none on a server without one', async () => {
    const graded: string[] = []
    const server = await listen(async (request) => {
      const { pathname } = new URL(request.url)
      if (pathname === '/v2/score') graded.push(pathname)
      if (pathname === '/v2/score') return Response.json({ score: 0 })
      if (!pathname.startsWith('/tools/')) return new Response('?', { status: 404 })
      return toolAnswer(await bodyOf(request), 'a page')
    })
    const run = async (grader: string | undefined) =>
      (await checked(settingsFor(server, files, { load: { ...load, burst: 10 }, grader }))).verdicts
    const elsewhere = await run('/v2/score')
    expect(elsewhere.find(({ check }) => check === 'score')?.outcome).toBe('pass')
    const before = graded.length
    const without = await run(undefined)
    await server.close()
    expect([before > 10, graded.length]).toEqual([true, before])
    expect(without.filter(({ check }) => ['grader', 'burst'].includes(check)).map(({ outcome }) => outcome)).toEqual([
      'pass',
    ])
  })

  it('fails bad arguments that are answered like good ones, a list too, and warns about other results', async () => {
    const same = await checkedServer({})
    expect(same('bad arguments')).toMatchObject({
      outcome: 'fail',
      why: expect.stringContaining('answers as if nothing were wrong (and 3 more)'),
    })
    const lists = await checkedServer({
      tool: (body) => (body['arguments'] === '[1]' || isWord(body) ? undefined : toolAnswer(body, 'error: say a word')),
    })
    expect(lists('bad arguments')).toMatchObject({
      outcome: 'fail',
      why: 'look, called with a list instead of an object, answers as if nothing were wrong',
    })
    const vague = await checkedServer({ tool: (body) => (isWord(body) ? undefined : toolAnswer(body, 'another page')) })
    expect(vague('bad arguments')).toMatchObject({ outcome: 'warn' })
  })

  it('looks at whether a call_id that is used again with other arguments is a new call', async () => {
    const answerOf = (body: Body) => toolAnswer(body, `a page about ${String(body['arguments'])}`)
    const sound = await checkedServer({ tool: answerOf })
    expect(sound('call ids')).toMatchObject({ outcome: 'pass', why: expect.stringMatching(/is a new call$/) })

    const first = new Map<string, Body>()
    const byId: Answers = (body) => {
      const key = `${body['trace_id']} ${body['call_id']}`
      const before = first.get(key) ?? body
      first.set(key, before)
      return answerOf(before)
    }
    expect((await checkedServer({ tool: byId }))('call ids')).toMatchObject({
      outcome: 'fail',
      why: expect.stringMatching(/gets the answer of the first call$/),
    })

    const strict: Answers = (body) => {
      const key = `${body['trace_id']} ${body['call_id']}`
      const before = first.get(key) ?? body
      first.set(key, before)
      return before['arguments'] === body['arguments'] ? answerOf(body) : new Response('used already', { status: 409 })
    }
    expect((await checkedServer({ tool: strict }))('call ids')).toMatchObject({
      outcome: 'warn',
      why: expect.stringMatching(/is answered with 409$/),
      advice: expect.stringContaining('count their calls from 0'),
    })
    expect((await checkedServer({}))('call ids')).toMatchObject({ outcome: 'skip' })
  })

  it('names its run with every request, with a wrong key and without one too', async () => {
    const runs = new Set<string | null>()
    const server = await listen(async (request) => {
      runs.add(request.headers.get('x-run'))
      if (request.method === 'GET') return new Response('nothing here', { status: 404 })
      const body = await bodyOf(request)
      return request.url.endsWith('/grade') ? Response.json({ score: 0 }) : toolAnswer(body, 'a page')
    })
    const run = { 'x-run': 'preflight-7' }
    const agent = { name: 'one', play: async () => 'an answer' }
    const baseline = { agents: [agent], items: 1, group: 1, maxSteps: 1, seed: '1' }
    await checked(settingsFor(server, files, { load: { ...load, burst: 5 }, runHeaders: run, baseline }))
    await server.close()
    expect([...runs]).toEqual(['preflight-7'])
  })

  it('ends if the key may not use the run, and says which runs it may use', async () => {
    const message = 'The token in use may not use the run "preflight-7"; it is bound to the runs final.'
    const server = await listen(async () =>
      Response.json({ error: { code: 'run_forbidden', message } }, { status: 403 }),
    )
    const { verdicts, requests } = await checked(settingsFor(server, files))
    await server.close()
    expect(verdicts.filter(({ outcome }) => outcome === 'fail')).toEqual([
      { check: 'run', outcome: 'fail', why: message, advice: 'name a run that the key may use, with --run' },
    ])
    expect(requests).toBe(1)
  })

  it('only warns if the type of an answer is missing', async () => {
    const untyped = await checkedServer({
      tool: (body) => Response.json({ call_id: body['call_id'], id: body['id'], output: 'a page' }),
    })
    expect(untyped('contract')).toMatchObject({ outcome: 'warn', why: 'look leaves out "type"' })
    const other = await checkedServer({
      tool: ({ call_id, id }) => Response.json({ type: 'text', call_id, id, output: 'a page' }),
    })
    expect(other('contract')).toMatchObject({ outcome: 'fail' })
  })

  it('finds a tool that ignores its argument, and one that has results for a folder that does not exist', async () => {
    const ignoring = await checkedServer({})
    expect(ignoring('arguments')).toMatchObject({
      outcome: 'warn',
      why: 'look answers the same, whatever its argument word says',
    })
    const list =
      (answer: (path: string) => string): Answers =>
      (body) =>
        toolAnswer(body, answer(/"path":"([^"]*)"/.exec(String(body['arguments']))?.[1] ?? ''))
    const calls = { only: ['list'], calls: { list: { path: 'a/b' } } }
    const inventing = await checkedServer({ tool: list((path) => `${path}/2014\n${path}/2015`) }, calls)
    expect(inventing('arguments')).toMatchObject({
      outcome: 'warn',
      why: expect.stringMatching(/^list has results for path = "no-such-\w+", which does not exist$/),
    })
    const honest = await checkedServer(
      { tool: list((path) => (path === 'a/b' ? 'a/b/2014' : `there is no folder ${path}`)) },
      calls,
    )
    expect(honest('arguments')).toMatchObject({ outcome: 'pass' })
  })

  it('calls a tool with a path that another tool found, and counts only successful calls as load', async () => {
    const opened: string[] = []
    const tools = ['search', 'cat'].map((name) => ({
      type: 'function',
      function: {
        name,
        description: name,
        parameters: { type: 'object', properties: { text: { type: 'string' } }, required: ['text'] },
      },
    }))
    const files2 = withTools(files.dataset, tools)
    const server = (canOpen: boolean) =>
      listen(async (request) => {
        if (request.method === 'GET') return new Response('?', { status: 404 })
        if (request.url.endsWith('/grade')) return Response.json({ score: 0 })
        const body = await bodyOf(request)
        const text = /"text":"([^"]*)"/.exec(String(body['arguments']))?.[1]
        if (text === undefined) return toolAnswer(body, 'error: a text is missing')
        if (request.url.endsWith('/search')) return toolAnswer(body, `1. ACME/2014/page_3 says ${text}`)
        if (text !== 'ACME/2014/page_3' || !canOpen) return toolAnswer(body, `error: no such document ${text}`)
        opened.push(text)
        return toolAnswer(body, 'a page')
      })
    const look = async (canOpen: boolean, only: readonly string[] = []) => {
      const served = await server(canOpen)
      const loaded = { ...load, burst: 20 }
      const { verdicts } = await checked(
        settingsFor(served, { dataset: files2, validation: undefined }, { load: loaded, only }),
      )
      await served.close()
      return (check: string) => verdicts.find((verdict) => verdict.check === check)
    }
    const found = await look(true)
    expect(opened.length).toBeGreaterThan(10)
    expect([found('contract')?.outcome, found('burst')?.outcome]).toEqual(['pass', 'pass'])
    const lost = await look(false)
    expect(lost('contract')).toMatchObject({
      outcome: 'warn',
      why: expect.stringContaining('no call of cat succeeded: error: no such document'),
    })
    expect(lost('burst')?.outcome).toBe('pass')
    expect((await look(false, ['cat']))('burst')).toMatchObject({
      outcome: 'warn',
      why: expect.stringContaining('only 0 of 20 calls succeeded'),
    })
  })

  it('skips the leak check if the item is refused with another reference', async () => {
    const strict = await checkedServer({
      tool: ({ item }) =>
        JSON.stringify(item).includes('canary') ? new Response('no such answer', { status: 422 }) : undefined,
    })
    expect(strict('reference')).toMatchObject({ outcome: 'skip', why: expect.stringContaining('look answers 422') })
  })

  it('skips the check of 1 MB if the item is refused with another field', async () => {
    const strict = await checkedServer({
      tool: ({ item }) =>
        JSON.stringify(item).includes('padding') ? new Response('no such field', { status: 422 }) : undefined,
    })
    expect(strict('1 MB')).toMatchObject({ outcome: 'skip', why: expect.stringContaining('preflight_padding') })
  })

  const busyAnswers: readonly (readonly [string, () => Response, string])[] = [
    ['a firewall that blocks many requests', () => new Response('blocked', { status: 403 }), '× 403'],
    ['a waiting room', () => new Response('<!doctype html><p>Please wait'), '× 200 with a page of HTML'],
    ['a redirect', () => new Response(null, { status: 303, headers: { location: '/busy' } }), '× 303 to /busy'],
    ['an answer without an output', () => Response.json({ error: 'busy' }), '× 200 without'],
  ]
  it.each(casesOf(busyAnswers, 0))(
    'finds %s under load',
    async (_, busy, kind) => {
      const overloaded = (): Answers => {
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
      const loaded = { budget: 60, load: { ...load, burst: 60 } }
      const tools = await checkedServer({ tool: overloaded() }, { ...loaded, only: ['look'] })
      const graders = await checkedServer({ grader: overloaded() }, loaded)
      expect(tools('burst')).toMatchObject({ outcome: 'fail', why: expect.stringContaining(kind) })
      expect(graders('burst')).toMatchObject({ outcome: 'fail', why: expect.stringContaining(kind.slice(0, 14)) })
    },
    120_000,
  )

  it('finds a call that succeeds once and fails when it is sent again', async () => {
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

  it('warns about a stack trace that the model would read, as text or in JSON', async () => {
    const { stack = '' } = new Error('bad word')
    const isBad = ({ arguments: args }: Body) => !String(args).includes('"word":"')
    const text = await checkedServer({
      tool: (body) => (isBad(body) ? new Response(stack, { status: 400 }) : undefined),
    })
    const json = await checkedServer({ tool: (body) => (isBad(body) ? toolAnswer(body, stack) : undefined) })
    for (const verdict of [text('bad arguments'), json('bad arguments')]) {
      expect(verdict).toMatchObject({ outcome: 'warn', why: expect.stringContaining('where its code is') })
    }
  })
})

describe('the command preflight', () => {
  it.each([
    [['--burst', '2.25'], 'whole number'],
    [['--rate', '0'], '--rate'],
    [['--range', '1,0'], '--range'],
    [['--max-errors', '5'], '--max-errors'],
    [['--timeout', '0'], '--timeout'],
  ])('refuses %j', async (args, message) => {
    const ran = await scorekeeper(['preflight', 'http://localhost:1', '--dataset', files.dataset, ...args])
    expect([ran.code, ran.err]).toEqual([2, expect.stringContaining(message)])
  })

  it('refuses an address with a query, to which it would append paths', async () => {
    const ran = await scorekeeper(['preflight', 'http://localhost:1/api?code=1', '--dataset', files.dataset])
    expect([ran.code, ran.err]).toEqual([2, expect.stringContaining('--header')])
  })

  it.each([
    ['y\n', true],
    ['Yes\n', true],
    ['\n', false],
    ['no\n', false],
  ])('takes the answer %j as %s', async (typed, expected) => {
    const input = new PassThrough()
    const asking = saysYes('Now?', { input, output: new PassThrough() }, new AbortController().signal)
    input.write(typed)
    expect(await asking).toBe(expected)
  })

  it('takes the end of the input as a no, and ends when it is interrupted while it asks', async () => {
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
  it('are not requested from an address that it redirects to, which would get the key', async () => {
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
