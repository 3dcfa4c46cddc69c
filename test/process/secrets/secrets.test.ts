import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { useDatabase } from '../../support/database.ts'
import { serveEmbeddings } from '../../support/embeddings.ts'
import { apiError, serveModel } from '../../support/judge/model-server.ts'
import { type Answer, answer, argument, provoke, question, reference, secrets } from '../../support/secrets/provoke.ts'
import { addressOf, kill, logOf, type ServerProcess, spawnServer } from '../../support/server-process.ts'
import { useFolder } from '../../support/temporary.ts'

const database = useDatabase({ poolSize: 2 })
const folder = useFolder()
let server: ServerProcess
let answers: Answer[]
let rows: { table: string; row: string }[]
let refusedToStart: string
let tokens: string[]

beforeAll(async () => {
  const entry = fileURLToPath(new URL('../../support/secrets/server.ts', import.meta.url))
  const embeddings = await serveEmbeddings(
    () => [1],
    () => ({ status: 401 }),
  )
  // It repeats everything that it was sent: the key, the password, the reference and the answer.
  const model = await serveModel(({ headers, body: { messages } }) => {
    const repeated = messages.map(({ content }) => String(content).match(/\S+-marker-\S+\w/gu))
    return apiError(400, `refused: ${headers['api-key']} ${secrets.judgePassword} ${repeated}`)
  })
  const withPassword = new URL(database.url)
  // If Postgres trusts local connections, any password works.
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
    JUDGE_URL: model.url.replace('http://', `http://user:${secrets.judgePassword}@`),
    JUDGE_MODEL: 'm',
    JUDGE_API_KEY: secrets.judgeKey,
    // The judge's library writes its requests to the log if it is configured to.
    OPENAI_LOG: 'debug',
  }
  server = spawnServer(folder, env, entry)
  const url = await addressOf(server)
  const provoked = await provoke(url, database.url)
  answers = provoked.answers
  tokens = provoked.tokens
  server.child.kill('SIGTERM')
  expect(await server.ended).toBe(0)

  const found = await database.sql<{ name: string }[]>`
    select format('%I.%I', table_schema, table_name) as name from information_schema.tables
    where table_type = 'BASE TABLE' and table_schema not in ('pg_catalog', 'information_schema')`
  rows = []
  for (const { name } of found) {
    const read = await database.sql.unsafe(`select to_jsonb(t)::text as row from ${name} t`)
    for (const row of z.array(z.object({ row: z.string() })).parse(read)) rows.push({ table: name, row: row.row })
  }

  // Starts that fail.
  refusedToStart = ''
  const unreachable = new URL(withPassword)
  unreachable.port = '1'
  for (const wrong of [
    { DATABASE_URL: unreachable.href },
    { DATABASE_URL: `${unreachable.href}@`, JWT_SECRET: 'marker-0005' },
  ]) {
    const failing = spawnServer(folder, { ...env, ...wrong }, entry)
    expect(await failing.ended).toBe(1)
    refusedToStart += failing.written.out + failing.written.err
  }
  await embeddings.close()
  await model.close()
}, 120_000)

afterAll(async () => {
  await kill(server)
})

const written = () => server.written.out + server.written.err
const tablesWith = (marker: string) => [
  ...new Set(rows.filter(({ row }) => row.includes(marker)).map(({ table }) => table)),
]

describe('after successes and failures of every kind', () => {
  it('no key, token, password or secret appears in the log, an answer, the database or the output of a failed start', () => {
    expect(logOf(server).length).toBeGreaterThan(20)
    expect(refusedToStart).toContain('DATABASE_URL')
    const everything = [written(), refusedToStart, ...answers.map(({ text }) => text), ...rows.map(({ row }) => row)]
    for (const secret of [...Object.values(secrets), ...tokens]) {
      expect(everything.filter((text) => text.includes(secret))).toEqual([])
    }
    expect(everything.join('\n')).not.toMatch(/marker-000\d/)
  })

  it('the reference is stored in the items only, and appears in no log line and no answer', () => {
    expect(tablesWith(reference)).toEqual(['public.items'])
    expect(written()).not.toContain(reference)
    expect(answers.filter(({ text }) => text.includes(reference))).toEqual([])
  })

  it('the task is stored in the items only', () => {
    expect(tablesWith(question)).toEqual(['public.items'])
    expect(written()).not.toContain(question)
    expect(answers.filter(({ text }) => text.includes(question))).toEqual([])
  })

  it('arguments are stored with their call and appear in its answers; samples are stored with their grading', () => {
    expect(tablesWith(argument)).toEqual(['public.tool_calls'])
    // The sums of a run keep the beginnings of frequent answers.
    expect(tablesWith(answer)).toEqual(['public.grades', 'public.rollups'])
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
      'HTTP 400 refused: […] […] […],[…]',
    ]) {
      expect(lines.some((line) => line.includes(word))).toBe(true)
    }
    expect(lines.some((line) => line.includes('secrets/tools.ts'))).toBe(true)
  })
})
