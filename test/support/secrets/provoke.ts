import { createSecretKey } from 'node:crypto'
import { SignJWT } from 'jose'
import { expect } from 'vitest'
import { openDatabase } from '../../../src/postgres/database.ts'

/** Secrets that must not appear anywhere. */
export const secrets = {
  trainerKey: 'trainer-key-marker-0001',
  readerKey: 'reader-key-marker-0002',
  wrongKey: 'wrong-key-marker-0003',
  keyInAddress: 'address-key-marker-0004',
  jwtSecret: 'jwt-secret-marker-0005-of-more-than-32-bytes',
  embeddingsKey: 'embeddings-key-marker-0006',
  databasePassword: 'database-password-marker-0007',
  judgeKey: 'judge-key-marker-0009',
  judgePassword: 'judge-password-marker-0009',
  malformedToken: 'eyJtYXJrZXIiOjgwMDB9.marker-0008.marker-0008',
}
/** Content that belongs in one place each. */
export const reference = 'reference-marker-1001'
const goldPath = 'reference-marker-1001-path'
export const question = 'question-marker-1002'
export const argument = 'argument-marker-1003'
export const answer = 'sample-marker-1004'
const item = { messages: [{ role: 'user', content: question }], reference_answer: reference, gold_path: goldPath }

/** An answer of the server, its headers included. */
export interface Answer {
  readonly path: string
  readonly status: number
  readonly text: string
}

const sign = (claims: Record<string, unknown>) =>
  new SignJWT({ scope: 'tools grade', exp: Math.floor(Date.now() / 1000) + 60, ...claims })
    .setProtectedHeader({ alg: 'HS256' })
    .sign(createSecretKey(secrets.jwtSecret, 'utf8'))

/**
 * Sends requests that end in successes and failures of every kind, with markers in every field; returns the answers and
 * the tokens that were sent.
 */
export async function provoke(url: string, databaseUrl: string) {
  const answers: Answer[] = []
  const send = async (path: string, body: unknown, headers: Record<string, string> = {}, method = 'POST') => {
    const response = await fetch(`${url}${path}`, {
      method,
      headers: { 'content-type': 'application/json', authorization: `Bearer ${secrets.trainerKey}`, ...headers },
      ...(method === 'POST' && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
    const text = `${JSON.stringify([...response.headers])} ${await response.text()}`
    answers.push({ path, status: response.status, text })
    return response.status
  }
  let count = 0
  const call = (name: string, more: Record<string, unknown> = {}) => {
    count += 1
    const args = JSON.stringify({ text: `${argument} ${name}` })
    return { call_id: `call-${count}`, trace_id: `rollout-${name}`, name, arguments: args, item, ...more }
  }
  const grading = { sample: { output_text: answer, choices: [{ text: answer }] }, item, trace_id: 'rollout-echo' }

  // Successes, with every kind of credential.
  const expired = await sign({ exp: 1_000_000_000 })
  const good = await sign({ sub: 'somebody' })
  const tokens = [expired, good, ...[expired, good].flatMap((token) => token.split('.'))]
  expect(await send('/tools/echo', call('echo'))).toBe(200)
  expect(await send('/tools', call('echo'), { authorization: `Bearer ${good}` })).toBe(200)
  expect(await send('/tools/echo', call('echo'), { authorization: 'x', 'x-api-key': secrets.trainerKey })).toBe(200)
  expect(await send('/tools/refuse', call('refuse'))).toBe(200)
  expect(await send('/tools/unknown', call('unknown'))).toBe(200)
  expect(await send('/grade', grading)).toBe(200)
  expect(await send('/openapi.json', '', { authorization: secrets.readerKey }, 'GET')).toBe(200)

  // Unauthorized callers.
  expect(await send('/tools/echo', call('echo'), { authorization: `Bearer ${secrets.wrongKey}` })).toBe(401)
  expect(await send('/tools/echo', call('echo'), { authorization: `Basic ${secrets.wrongKey}` })).toBe(401)
  expect(await send('/tools/echo', call('echo'), { authorization: `Bearer ${expired}` })).toBe(401)
  expect(await send('/tools/echo', call('echo'), { authorization: `Bearer ${good}x` })).toBe(401)
  expect(await send('/tools/echo', call('echo'), { authorization: secrets.malformedToken })).toBe(401)
  expect(await send('/tools/echo', call('echo'), { authorization: secrets.readerKey })).toBe(403)
  expect(await send(`/tools/echo?api_key=${secrets.keyInAddress}`, call('echo'))).toBe(401)
  expect(await send(`/nowhere?token=${secrets.keyInAddress}`, call('echo'))).toBe(404)
  expect(await send(`/tools/echo?other=${secrets.keyInAddress}`, call('echo'), {}, 'PUT')).toBe(405)

  // Invalid bodies and items.
  expect(await send('/tools/echo', JSON.stringify(call('echo')).slice(0, -9))).toBe(400)
  expect(await send('/tools/echo', `{"item": ${reference}}`)).toBe(400)
  expect(await send('/tools/echo', call('echo', { item: reference, trace_id: [reference] }))).toBe(400)
  expect(await send('/tools/echo', call('echo', { arguments: `{"text": ${argument}` }))).toBe(200)
  expect(await send('/tools/echo', call('echo', { arguments: { text: [argument] } }))).toBe(200)
  expect(await send('/tools/echo', call('echo', { item: { ...item, messages: reference } }))).toBe(422)
  expect(await send('/grade', { ...grading, item: { messages: [], gold_path: reference } })).toBe(422)
  expect(await send('/tools/echo', call('echo', { item: reference.repeat(100_000) }))).toBe(413)
  expect(await send('/tools/echo', call('echo'), { 'content-encoding': 'gzip' })).toBe(415)
  expect(await send('/tools/echo', call('echo', { call_id: 'call-1', arguments: { text: 'other' } }))).toBe(200)

  // Failures of the server.
  expect(await send('/tools/throw', call('throw'))).toBe(500)
  expect(await send('/tools/parse', call('parse'))).toBe(500)
  expect(await send('/tools/query', call('query'))).toBe(500)
  expect(await send('/tools/act', call('act'))).toBe(500)
  expect(await send('/tools/unhandled', call('unhandled'))).toBe(200)
  expect(await send('/tools/embed', call('embed'))).toBe(500)
  expect(await send('/tools/slow', call('slow'))).toBe(504)
  for (const grader of ['throw', 'query', 'nan']) expect(await send(`/graders/${grader}`, grading)).toBe(500)
  expect(await send('/graders/judge', grading)).toBe(503)
  expect(await send('/graders/slow', grading)).toBe(504)
  expect(await send('/grade', { ...grading, trace_id: 'rollout-throw' })).toBe(500)
  const lock = openDatabase({ url: databaseUrl, poolSize: 1 })
  await lock.sql`alter table tool_calls rename to gone`
  expect(await send('/tools/echo', call('echo'))).toBeGreaterThanOrEqual(500)
  await lock.sql`alter table gone rename to tool_calls`
  await lock.close()
  return { answers, tokens }
}
