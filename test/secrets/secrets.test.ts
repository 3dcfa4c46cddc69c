import { createSecretKey } from 'node:crypto'
import { SignJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { type Database, openDatabase } from '../../src/database.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'
import { serveEmbeddings } from '../support/embeddings.ts'
import { addressOf, kill, logOf, type ServerProcess, spawnServer } from '../support/server-process.ts'
import { makeFolder, removeFolder } from '../support/temporary.ts'
import { buildHouse } from './house.ts'

/** What nobody may ever read anywhere. */
const secrets = {
  trainerKey: 'trainer-key-marker-0001',
  readerKey: 'reader-key-marker-0002',
  wrongKey: 'wrong-key-marker-0003',
  keyInAddress: 'address-key-marker-0004',
  jwtSecret: 'jwt-secret-marker-0005-of-more-than-32-bytes',
  embeddingsKey: 'embeddings-key-marker-0006',
  databasePassword: 'database-password-marker-0007',
  malformedToken: 'eyJtYXJrZXIiOjgwMDB9.marker-0008.marker-0008',
}
/** What belongs in one place each. */
const reference = 'reference-marker-1001'
const goldPath = 'reference-marker-1001-path'
const question = 'question-marker-1002'
const argument = 'argument-marker-1003'
const answer = 'sample-marker-1004'
const item = { messages: [{ role: 'user', content: question }], reference_answer: reference, gold_path: goldPath }

interface Answer {
  readonly path: string
  readonly status: number
  readonly text: string
}

let home: TestDatabase
let database: Database
let folder: string
let server: ServerProcess
let answers: Answer[]
let rows: { table: string; row: string }[]
let refusedToStart: string
let tokens: string[]

const sign = (claims: Record<string, unknown>) =>
  new SignJWT({ scope: 'tools grade', exp: Math.floor(Date.now() / 1000) + 60, ...claims })
    .setProtectedHeader({ alg: 'HS256' })
    .sign(createSecretKey(secrets.jwtSecret, 'utf8'))

beforeAll(async () => {
  home = await createTestDatabase()
  database = openDatabase({ url: home.url, poolSize: 2 })
  folder = makeFolder()
  const program = buildHouse(folder)
  const embeddings = await serveEmbeddings(
    () => [1],
    () => ({ status: 401 }),
  )
  const withPassword = new URL(home.url)
  // Where the server trusts this machine, any password will do.
  if (withPassword.password === '') withPassword.password = secrets.databasePassword
  else secrets.databasePassword = withPassword.password
  const env = {
    PORT: '0',
    LOG_LEVEL: 'debug',
    DATABASE_URL: withPassword.href,
    API_KEYS: `trainer:tools+grade=${secrets.trainerKey} reader:read=${secrets.readerKey}`,
    JWT_SECRET: secrets.jwtSecret,
    EMBEDDINGS_URL: embeddings.url,
    EMBEDDINGS_MODEL: 'm',
    EMBEDDINGS_API_KEY: secrets.embeddingsKey,
  }
  server = spawnServer(folder, env, program)
  const url = await addressOf(server)
  answers = []

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
  tokens = [expired, good, ...[expired, good].flatMap((token) => token.split('.'))]
  expect(await send('/tools/echo', call('echo'))).toBe(200)
  expect(await send('/tools', call('echo'), { authorization: `Bearer ${good}` })).toBe(200)
  expect(await send('/tools/echo', call('echo'), { authorization: 'x', 'x-api-key': secrets.trainerKey })).toBe(200)
  expect(await send('/tools/refuse', call('refuse'))).toBe(200)
  expect(await send('/tools/nobody', call('nobody'))).toBe(200)
  expect(await send('/grade', grading)).toBe(200)
  expect(await send('/openapi.json', '', { authorization: secrets.readerKey }, 'GET')).toBe(200)

  // Callers who may not.
  expect(await send('/tools/echo', call('echo'), { authorization: `Bearer ${secrets.wrongKey}` })).toBe(401)
  expect(await send('/tools/echo', call('echo'), { authorization: `Basic ${secrets.wrongKey}` })).toBe(401)
  expect(await send('/tools/echo', call('echo'), { authorization: `Bearer ${expired}` })).toBe(401)
  expect(await send('/tools/echo', call('echo'), { authorization: `Bearer ${good}x` })).toBe(401)
  expect(await send('/tools/echo', call('echo'), { authorization: secrets.malformedToken })).toBe(401)
  expect(await send('/tools/echo', call('echo'), { authorization: secrets.readerKey })).toBe(403)
  expect(await send(`/tools/echo?api_key=${secrets.keyInAddress}`, call('echo'))).toBe(401)
  expect(await send(`/nowhere?token=${secrets.keyInAddress}`, call('echo'))).toBe(404)
  expect(await send(`/tools/echo?other=${secrets.keyInAddress}`, call('echo'), {}, 'PUT')).toBe(405)

  // Bodies and items that are none.
  expect(await send('/tools/echo', JSON.stringify(call('echo')).slice(0, -9))).toBe(400)
  expect(await send('/tools/echo', `{"item": ${reference}}`)).toBe(400)
  expect(await send('/tools/echo', call('echo', { item: reference, trace_id: [reference] }))).toBe(400)
  expect(await send('/tools/echo', call('echo', { arguments: `{"text": ${argument}` }))).toBe(200)
  expect(await send('/tools/echo', call('echo', { arguments: { text: [argument] } }))).toBe(200)
  expect(await send('/tools/echo', call('echo', { item: { ...item, messages: reference } }))).toBe(422)
  expect(await send('/grade', { ...grading, item: { messages: [], gold_path: reference } })).toBe(422)
  expect(await send('/tools/echo', call('echo', { item: reference.repeat(100_000) }))).toBe(413)
  expect(await send('/tools/echo', call('echo'), { 'content-encoding': 'gzip' })).toBe(415)
  expect(await send('/tools/echo', call('echo', { call_id: 'call-1', arguments: { text: 'other' } }))).toBe(409)

  // Failures of ours.
  expect(await send('/tools/throw', call('throw'))).toBe(500)
  expect(await send('/tools/parse', call('parse'))).toBe(500)
  expect(await send('/tools/query', call('query'))).toBe(500)
  expect(await send('/tools/act', call('act'))).toBe(500)
  expect(await send('/tools/stray', call('stray'))).toBe(200)
  expect(await send('/tools/embed', call('embed'))).toBe(500)
  expect(await send('/tools/slow', call('slow'))).toBe(504)
  for (const grader of ['throw', 'query', 'nan']) expect(await send(`/graders/${grader}`, grading)).toBe(500)
  expect(await send('/graders/slow', grading)).toBe(504)
  expect(await send('/grade', { ...grading, trace_id: 'rollout-throw' })).toBe(500)
  const lock = openDatabase({ url: home.url, poolSize: 1 })
  await lock.sql`alter table tool_calls rename to gone`
  expect(await send('/tools/echo', call('echo'))).toBeGreaterThanOrEqual(500)
  await lock.sql`alter table gone rename to tool_calls`
  await lock.close()

  server.child.kill('SIGTERM')
  expect(await server.ended).toBe(0)

  const found = await database.sql<{ name: string }[]>`
    select format('%I.%I', table_schema, table_name) as name from information_schema.tables
    where table_schema not in ('pg_catalog', 'information_schema')`
  rows = []
  for (const { name } of found) {
    const read = await database.sql.unsafe(`select to_jsonb(t)::text as row from ${name} t`)
    for (const row of z.array(z.object({ row: z.string() })).parse(read)) rows.push({ table: name, row: row.row })
  }

  // Starts that fail.
  refusedToStart = ''
  const away = new URL(withPassword)
  away.port = '1'
  for (const wrong of [{ DATABASE_URL: away.href }, { DATABASE_URL: `${away.href}@`, JWT_SECRET: 'marker-0005' }]) {
    const failing = spawnServer(folder, { ...env, ...wrong }, program)
    expect(await failing.ended).toBe(1)
    refusedToStart += failing.written.out + failing.written.err
  }
  await embeddings.close()
}, 120_000)

afterAll(async () => {
  await kill(server)
  await database.close()
  await home.drop()
  await removeFolder(folder)
})

const written = () => server.written.out + server.written.err
const tablesWith = (marker: string) => [
  ...new Set(rows.filter(({ row }) => row.includes(marker)).map(({ table }) => table)),
]

describe('after successes and failures of every kind', () => {
  it('no key, token, password or secret stands in the log, in an answer, in the database or in a failed start', () => {
    expect(logOf(server).length).toBeGreaterThan(20)
    expect(refusedToStart).toContain('DATABASE_URL')
    const everything = [written(), refusedToStart, ...answers.map(({ text }) => text), ...rows.map(({ row }) => row)]
    for (const secret of [...Object.values(secrets), ...tokens]) {
      expect(everything.filter((text) => text.includes(secret))).toEqual([])
    }
    expect(everything.join('\n')).not.toMatch(/marker-000\d/)
  })

  it('the reference stands in the items alone: in no line of the log and in no answer', () => {
    expect(tablesWith(reference)).toEqual(['public.items'])
    expect(written()).not.toContain(reference)
    expect(answers.filter(({ text }) => text.includes(reference))).toEqual([])
  })

  it('the task stands in the items alone', () => {
    expect(tablesWith(question)).toEqual(['public.items'])
    expect(written()).not.toContain(question)
    expect(answers.filter(({ text }) => text.includes(question))).toEqual([])
  })

  it('arguments stand with their call and in the answers to it, and samples with their grading', () => {
    expect(tablesWith(argument)).toEqual(['public.tool_calls'])
    expect(tablesWith(answer)).toEqual(['public.grades'])
    expect(written()).not.toContain(argument)
    expect(written()).not.toContain(answer)
    const repeated = answers.filter(({ text }) => text.includes(argument)).map(({ path }) => path)
    expect([...new Set(repeated)].sort()).toEqual(['/tools', '/tools/echo', '/tools/refuse'])
    expect(answers.filter(({ text }) => text.includes(answer))).toEqual([])
  })

  it('the log still says what failed and where', () => {
    const lines = written()
      .split('\n')
      .filter((line) => line.includes('"level":"error"'))
    for (const word of [
      'failed at',
      'expected […], got […]',
      'invalid input syntax',
      'unhandled_rejection',
      'HTTP 401',
    ]) {
      expect(lines.some((line) => line.includes(word))).toBe(true)
    }
    expect(lines.some((line) => line.includes('secrets/tools.ts'))).toBe(true)
  })
})
