import { sql } from 'drizzle-orm'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineEnvironment } from '../../../src/kit/define.ts'
import type { EnvironmentSpec } from '../../../src/kit/environment.ts'
import { createAuthenticator } from '../../../src/server/auth/authenticate.ts'
import { parseApiKeys } from '../../../src/server/auth/keys.ts'
import { gate, keepingLog, type TestAppOptions, testApp } from '../../support/app.ts'
import { useDatabase } from '../../support/database.ts'

const database = useDatabase()

type Search = NonNullable<EnvironmentSpec<unknown, unknown, unknown>['retrieve']>

/** An app whose environment searches like this. */
function app(retrieve: Search | undefined, options: TestAppOptions = {}) {
  const { hooks } = defineEnvironment({
    task: z.object({}),
    reference: z.object({}),
    state: z.object({}),
    ...(retrieve && { retrieve }),
  })
  return testApp(database, { hooks: hooks(), ...options })
}

async function ask(on: ReturnType<typeof app>, body: unknown, headers: Record<string, string> = {}) {
  const response = await on.request('/retrieve', { method: 'POST', headers, body: JSON.stringify(body) })
  const answer: unknown = await response.json()
  return { status: response.status, answer }
}

const pages = [
  { title: 'Rice', text: 'A grass.\nIt needs water.', score: 0.5 },
  { title: 'Wheat\n flour', text: 'Another grass.', score: 0.9 },
  { text: 'A page without a title.', score: 0.1 },
]

describe('the retrieval service for verl', () => {
  it('answers each query with its documents and scores, the best first, the title on the first line', async () => {
    const on = app(({ query }) => (query === 'grass' ? pages : []))
    const { status, answer } = await ask(on, { queries: ['grass', 'metal'], topk: 2, return_scores: true })
    expect(status).toBe(200)
    expect(answer).toEqual({
      result: [
        [
          { document: { contents: 'Wheat flour\nAnother grass.' }, score: 0.9 },
          { document: { contents: 'Rice\nA grass.\nIt needs water.' }, score: 0.5 },
        ],
        [],
      ],
    })
  })

  it('answers with three documents alone by default', async () => {
    const on = app(({ limit }) => [...pages, ...pages].slice(0, limit + 1))
    const { answer } = await ask(on, { queries: ['grass'] })
    expect(answer).toEqual({
      result: [
        [
          { contents: 'Wheat flour\nAnother grass.' },
          { contents: 'Rice\nA grass.\nIt needs water.' },
          { contents: 'Rice\nA grass.\nIt needs water.' },
        ],
      ],
    })
  })

  it('searches the database, and records no rollout', async () => {
    const on = app(async ({ db, query }) => {
      const [row] = await db.execute<{ text: string }>(sql`select upper(${query}) as text`)
      return [{ text: row?.text ?? '', score: 1 }]
    })
    expect(await ask(on, { queries: ['a'] })).toEqual({ status: 200, answer: { result: [[{ contents: '\nA' }]] } })
    expect(await database.sql`select 1 from rollouts`).toHaveLength(0)
  })

  it('searches for several queries at the same time, but not more than 16', async () => {
    const held = gate()
    let running = 0
    let most = 0
    const on = app(async ({ query }) => {
      running += 1
      most = Math.max(most, running)
      if (running === 16) held.open()
      await held.pass()
      running -= 1
      return [{ text: query, score: 1 }]
    })
    const queries = Array.from({ length: 40 }, (_, place) => String(place))
    const { answer } = await ask(on, { queries })
    expect(answer).toEqual({ result: queries.map((query) => [{ contents: `\n${query}` }]) })
    expect(most).toBe(16)
  })

  it.each([
    ['fails', 'retrieval_failed', 500, () => Promise.reject(new Error('the index of "secret query" is broken'))],
    ['takes too long', 'retrieval_timed_out', 504, () => new Promise<never>(() => {})],
    ['gives a score that is not a number', 'retrieval_failed', 500, () => [{ text: 'a', score: Number.NaN }]],
  ] as const)('answers with a 5xx, which the trainer retries, when one search %s', async (_, code, status, search) => {
    const log = keepingLog()
    const on = app(({ query }) => (query === 'secret query' ? search() : pages), { log, limits: { toolSeconds: 0.2 } })
    const answered = await ask(on, { queries: ['grass', 'secret query'] })
    expect(answered).toMatchObject({ status, answer: { error: { code } } })
    expect(JSON.stringify(answered)).not.toContain('secret')
    expect(log.lines).toMatchObject([{ level: 'error', facts: { code } }])
  })

  it('answers with a 5xx where the environment defines no search, because the model would read a 4xx as a result', async () => {
    expect(await ask(app(undefined), { queries: ['grass'] })).toMatchObject({
      status: 500,
      answer: { error: { code: 'retrieve_undefined' } },
    })
  })

  it.each([
    ['no queries', { queries: [] }],
    ['a text for a list', { queries: 'grass' }],
    ['a number of documents below 1', { queries: ['grass'], topk: 0 }],
  ])('refuses a body with %s', async (_, body) => {
    const on = app(() => pages)
    expect(await ask(on, body)).toMatchObject({ status: 400, answer: { error: { code: 'invalid_request' } } })
  })

  it('asks for a key with the scope "tools"', async () => {
    const keys = parseApiKeys('tools:tools=key-of-the-tools grader:grade=key-of-the-grader')
    const on = app(() => pages, { authenticate: createAuthenticator({ keys, keyHeaders: [] }) })
    const by = (key: string) => ask(on, { queries: ['grass'] }, { authorization: `Bearer ${key}` })
    expect(await ask(on, { queries: ['grass'] })).toMatchObject({ status: 401 })
    expect(await by('key-of-the-grader')).toMatchObject({ status: 403 })
    expect(await by('key-of-the-tools')).toMatchObject({ status: 200 })
  })
})
