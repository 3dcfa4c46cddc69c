import { Hono } from 'hono'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { RequestError } from '../../../src/kit/errors.ts'
import { readBody } from '../../../src/wires/read-body.ts'
import type { Wire } from '../../../src/wires/wire.ts'
import { defineGrader, defineTool, environment, post, testApp } from '../../support/app.ts'
import { useDatabase } from '../../support/database.ts'

const database = useDatabase()

const note = defineTool({
  name: 'note',
  description: 'Notes a text.',
  input: z.object({ text: z.string() }),
  effects: 'none',
  run: ({ input, task }) => `${task.question}: ${input.text}`,
})
const count = defineGrader({
  name: 'count',
  version: '1',
  range: [0, 10],
  grade: ({ trajectory, reference, sample }) => {
    const right = sample.output_text === reference.answer ? 1 : 0
    return { score: trajectory.length + right, parts: { calls: trajectory.length, right }, reason: 'counted' }
  },
})

const row = z.object({ rollout: z.string().optional(), item: z.unknown() })
const body = z.object({ token: z.string(), text: z.string().default('') })

/** A wire whose trainer begins a rollout and gets a token for it. */
const tokens: Wire = {
  name: 'tokens',
  prefix: '/tokens',
  reservedToolNames: ['open'],
  sendsKey: true,
  describe: () => ({}),
  create(deps) {
    const app = new Hono()
    app.onError((error, c) => deps.respond(c, error))
    const sessionOf = async (token: string, run: string) => {
      const [of, rolloutId = '', number] = (await deps.tokens.read(token)) ?? []
      const found = of === run ? await deps.sessions.find({ run, rolloutId, number: Number(number) }) : undefined
      if (found === undefined) throw new RequestError(404, 'unknown_session', 'there is no such session')
      return found
    }
    app.post('/open', async (c) => {
      const access = await deps.allow(c.req.raw, 'tools')
      const { rollout: rolloutId, item } = await readBody(c, row, deps)
      const session = await deps.sessions.begin({ run: access.run(), wire: 'tokens', key: access.key, rolloutId, item })
      return c.json({
        ...session,
        token: await deps.tokens.mint([session.run, session.rolloutId, `${session.number}`]),
      })
    })
    app.post('/note', async (c) => {
      const run = (await deps.allow(c.req.raw, 'tools')).run()
      const { token, text } = await readBody(c, body, deps)
      const { rolloutId, number, item, itemHash } = await sessionOf(token, run)
      const call = { run, rolloutId, callId: text, tool: 'note', arguments: { text }, item, itemHash, attempt: number }
      return c.json(await deps.call(call))
    })
    app.post('/grade', async (c) => {
      const run = (await deps.allow(c.req.raw, 'grade')).run()
      const { token, text } = await readBody(c, body, deps)
      const { rolloutId, number, item, itemHash } = await sessionOf(token, run)
      const sample = { output_text: text, output_tools: [], choices: [] }
      return c.json(await deps.grade({ run, rolloutId, grader: undefined, sample, item, itemHash, attempt: number }))
    })
    app.post('/end', async (c) => {
      const run = (await deps.allow(c.req.raw, 'tools')).run()
      const { token } = await readBody(c, body, deps)
      await deps.sessions.end(await sessionOf(token, run))
      return c.json({ ended: true })
    })
    return app
  },
}

const settings = { tools: [note], graders: [count], wires: [tokens], readItem: environment.readItem }
const app = testApp(database, settings)
const other = testApp(database, settings)
const item = { question: 'Q', answer: 'A' }

async function open(more: object = {}, path = '') {
  const { body } = await post(app, `${path}/tokens/open`, { item, ...more })
  return z.object({ token: z.string(), rolloutId: z.string(), number: z.number() }).parse(body)
}

describe('a wire with sessions', () => {
  it('begins a rollout whose item the calls and the grading of any replica have', async () => {
    const { token, rolloutId } = await open()
    const first = await post(app, '/tokens/note', { token, text: 'one' })
    const second = await post(other, '/tokens/note', { token, text: 'two' })
    expect([first.body.output, second.body.output]).toEqual(['Q: one', 'Q: two'])
    const graded = await post(other, '/tokens/grade', { token, text: 'A' })
    const answer = { rolloutId, score: 3, parts: { calls: 2, right: 1 }, reason: 'counted' }
    expect(graded.body).toEqual(answer)
    expect((await post(app, '/tokens/grade', { token, text: 'A' })).body).toEqual(answer)
    const [kept] = await database.sql`select wire, key_name from rollouts where id = ${rolloutId}`
    expect(kept).toEqual({ wire: 'tokens', key_name: 'anonymous' })
  })

  it('replays a call that is made again', async () => {
    const { token } = await open()
    await post(app, '/tokens/note', { token, text: 'same' })
    expect((await post(other, '/tokens/note', { token, text: 'same' })).body).toMatchObject({ replayed: true })
  })

  it('gets a 409 for a new call and a new grading after the end, and the stored answers for the old ones', async () => {
    const { token } = await open()
    const call = await post(app, '/tokens/note', { token, text: 'before' })
    const graded = await post(app, '/tokens/grade', { token, text: 'A' })
    for (const replica of [app, other]) {
      expect((await post(replica, '/tokens/end', { token })).status).toBe(200)
    }
    expect((await post(other, '/tokens/note', { token, text: 'before' })).body.output).toBe(call.body.output)
    expect((await post(other, '/tokens/grade', { token, text: 'A' })).body.score).toBe(graded.body.score)
    for (const path of ['/tokens/note', '/tokens/grade']) {
      const { status, body } = await post(other, path, { token, text: 'after' })
      expect([status, body.error?.code]).toEqual([409, 'rollout_ended'])
    }
    const [rows] =
      await database.sql`select count(*)::int as count from rollouts where number = ${(await open()).number}`
    expect(rows).toEqual({ count: 1 })
  })

  it('resolves with the same attempt if it is begun again under its id, and with a new one after the end', async () => {
    const first = await open({ rollout: 'again' })
    expect((await open({ rollout: 'again' })).number).toBe(first.number)
    await post(app, '/tokens/end', { token: first.token })
    expect((await open({ rollout: 'again' })).number).not.toBe(first.number)
    const { status } = await post(app, '/tokens/note', { token: first.token, text: 'late' })
    expect(status).toBe(409)
  })

  it('refuses an item that does not fit before anything is stored', async () => {
    const { status, body } = await post(app, '/tokens/open', { rollout: 'misfit', item: { question: 7 } })
    expect([status, body.error?.code]).toEqual([422, 'item_misfit'])
    expect(await database.sql`select from rollouts where id = 'misfit'`).toHaveLength(0)
  })

  it('keeps the sessions of two runs apart', async () => {
    const { token } = await open({}, '/runs/one')
    expect((await post(app, '/runs/two/tokens/note', { token, text: 'x' })).status).toBe(404)
    expect((await post(app, '/tokens/note', { token, text: 'x' })).status).toBe(404)
    expect((await post(app, '/runs/one/tokens/note', { token, text: 'x' })).status).toBe(200)
  })

  it('does not know a token that was changed or not minted here', async () => {
    const { token } = await open()
    const [payload = '', signature = ''] = token.split('.')
    const forged = Buffer.from(JSON.stringify(['default', 'x', '1'])).toString('base64url')
    for (const bad of ['', 'x', payload, `${payload}.`, `${forged}.${signature}`, `${token}x`, `${token}.`, 'ü.ü']) {
      expect((await post(app, '/tokens/note', { token: bad, text: 'x' })).status, bad).toBe(404)
    }
  })

  it('has names that no tool may have', () => {
    const taken = defineTool({
      name: 'open',
      description: 'Opens.',
      input: z.object({}),
      effects: 'none',
      run: () => '',
    })
    expect(() => testApp(database, { tools: [taken], wires: [tokens] })).toThrow(
      'the wire tokens needs the address "open" for itself: rename the tool, or leave the wire out of WIRES',
    )
  })
})

describe('Agent RFT', () => {
  it('is served under its own prefix too', async () => {
    const sent = { trace_id: 'prefixed', call_id: 'c', name: 'note', arguments: '{"text":"t"}', item }
    const answers = [await post(app, '/agent-rft/tools', sent), await post(app, '/tools/note', sent)]
    expect(answers.map(({ body }) => body.output)).toEqual(['Q: t', 'Q: t'])
    expect(answers[1]?.headers.get('x-replayed')).toBe('true')
    const bad = await post(app, '/agent-rft/tools/note', '{')
    expect(bad.body.output).toBe(bad.body.error?.message)
  })
})
