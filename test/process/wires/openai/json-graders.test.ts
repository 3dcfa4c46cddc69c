import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { serveJsonGrader } from '../../../../src/runtime/openai-graders/json-grader.ts'
import { readJsonGraders } from '../../../../src/runtime/openai-graders/read-json-graders.ts'
import {
  defineGrader,
  gradingOf,
  keepingLog,
  post,
  type TestAppOptions,
  testApp,
  toolCall,
} from '../../../support/app.ts'
import { useDatabase } from '../../../support/database.ts'
import { addressOf, kill, spawnServer } from '../../../support/server-process.ts'
import { useFolder } from '../../../support/temporary.ts'

const root = fileURLToPath(new URL('../../../..', import.meta.url))

const database = useDatabase()
const folder = useFolder()

const check = (input: string, reference: string, more: object = {}) => ({
  ...{ type: 'string_check', name: 'check', operation: 'eq', input, reference },
  ...more,
})
const equal = check('{{sample.output_text}}', '{{item.answer}}')

let folders = 0

/** Writes files into a new folder; returns its address. */
function written(files: Readonly<Record<string, unknown>>): URL {
  folders += 1
  const place = join(folder, String(folders), 'graders')
  mkdirSync(place, { recursive: true })
  for (const [name, content] of Object.entries(files)) {
    writeFileSync(join(place, name), typeof content === 'string' ? content : JSON.stringify(content))
  }
  return pathToFileURL(`${place}/`)
}

const serving = (files: Readonly<Record<string, unknown>>, options: TestAppOptions = {}) =>
  testApp(database, { ...options, jsonGraders: readJsonGraders(written(files)) })

const grades = (rollout: string) => database.sql`
  select grader, version, code_hash, outcome, score, parts, reason, code from ledger.gradings
  where rollout_id = ${rollout} order by id`

describe('a grader that is a JSON file', () => {
  it('is served by the file’s name, recorded with its hash, and replayed', async () => {
    const app = serving({ 'exact-one.json': equal, 'notes.md': 'no grader' })
    const grading = gradingOf('json-served', 'x', { answer: 'x' })
    const first = await post(app, '/graders/exact-one', grading)
    expect([first.status, first.text]).toEqual([200, '{"score":1}'])
    expect((await post(app, '/graders/exact-one', grading)).text).toBe('{"score":1}')
    expect((await post(app, '/graders/exact-one', gradingOf('json-served', 'y', { answer: 'x' }))).text).toBe(
      '{"score":0}',
    )
    const [{ codeHash, version } = expect.fail('no grader')] = readJsonGraders(written({ 'exact-one.json': equal }))
    expect(codeHash).toMatch(/^[0-9a-f]{64}$/)
    expect(version).toBe(codeHash.slice(0, 12))
    const row = { grader: 'exact-one', version, code_hash: codeHash, outcome: 'scored', code: null }
    expect(await grades('json-served')).toMatchObject([
      { ...row, score: 1, reason: 'the input equals the reference' },
      { ...row, score: 0 },
    ])
  })

  it('comes after the graders that are code, and cannot have the name of one', async () => {
    const one = defineGrader({ name: 'one', version: '1', grade: () => 0.25 })
    const app = serving({ 'exact.json': equal }, { graders: [one] })
    expect((await post(app, '/grade', gradingOf('json-default', 'x', { answer: 'x' }))).text).toBe('{"score":0.25}')
    expect(() => serving({ 'one.json': equal }, { graders: [one] })).toThrow('two graders are named "one"')
  })

  it('is the default if there is no other', async () => {
    const app = serving({ 'b.json': check('1', '2'), 'a.json': check('1', '1') })
    expect((await post(app, '/grade', gradingOf('json-first', 'x'))).text).toBe('{"score":1}')
  })

  it('sees the trajectory of its rollout, or that it is empty', async () => {
    const name = '{{sample.output_tools[0].function.name}}'
    const app = serving({
      'tool.json': check(name, 'nothing'),
      'code.json': check('{{sample.trajectory[0].outcome}}', 'refused'),
    })
    await post(app, '/tools', toolCall('nothing', 'json-trace', 'a'))
    expect((await post(app, '/graders/tool', gradingOf('json-trace', 'x'))).text).toBe('{"score":1}')
    expect((await post(app, '/graders/code', gradingOf('json-trace', 'x'))).text).toBe('{"score":1}')
    expect((await post(app, '/graders/tool', gradingOf('json-no-trace', 'x'))).text).toBe('{"score":0}')
  })

  it('has the scores of a multi grader’s graders as parts, and any finite score', async () => {
    const graders = { right: equal, wrong: check('a', 'b') }
    const app = serving({ 'multi.json': { type: 'multi', graders, calculate_output: '100 * right - 250 + wrong' } })
    expect((await post(app, '/graders/multi', gradingOf('json-multi', 'x', { answer: 'x' }))).text).toBe(
      '{"score":-150}',
    )
    expect(await grades('json-multi')).toMatchObject([{ score: -150, parts: { right: 1, wrong: 0 } }])
  })

  it('makes the rollout ungradable if its judge or Python does not answer, and never gives a number', async () => {
    const judged = { type: 'score_model', model: 'm', input: [{ role: 'user', content: '{{sample.output_text}}' }] }
    const log = keepingLog()
    const app = serving(
      { 'judged.json': judged, 'code.json': { type: 'python', source: 'def grade(sample, item): return 1' } },
      { log },
    )
    for (const name of ['judged', 'code']) {
      const { status, body } = await post(app, `/graders/${name}`, gradingOf(`json-${name}`, 'x'))
      expect([status, body.error?.code, body.score]).toEqual([503, 'grader_unanswered', undefined])
      expect(await grades(`json-${name}`)).toMatchObject([
        { outcome: 'ungradable', score: null, code: 'grader_unanswered' },
      ])
    }
    const logged = log.lines.filter(({ level }) => level === 'error').map(({ facts }) => facts['flags'])
    expect(logged).toEqual([['model_grader_server_error'], ['python_grader_server_error']])
  })

  it('fails if the grader or the item is at fault, and never gives a number', async () => {
    const divided = { type: 'multi', graders: { a: equal }, calculate_output: '1 / a' }
    const endpoint = { type: 'endpoint', url: 'https://graders.example.com/grade' }
    const app = serving({ 'item.json': equal, 'divided.json': divided, 'endpoint.json': endpoint })
    const code = 'grader_gave_no_score'
    for (const name of ['item', 'divided', 'endpoint']) {
      const item = name === 'item' ? {} : { answer: 'y' }
      const { status, body } = await post(app, `/graders/${name}`, gradingOf(`json-${name}`, 'x', item))
      expect([name, status, body.error?.code, body.score]).toEqual([name, 500, code, undefined])
      expect(await grades(`json-${name}`)).toMatchObject([{ outcome: 'failed', score: null, code }])
    }
  })

  it('is not called by another JSON grader that calls endpoints, so that none waits for itself', async () => {
    const publicUrl = 'https://rft.example.com'
    const files = {
      'round.json': { type: 'endpoint', url: `${publicUrl}/graders/round` },
      'through.json': { type: 'endpoint', url: `${publicUrl}/graders/exact` },
      'exact.json': equal,
    }
    const app = serving(files, { publicUrl })
    const round = await post(app, '/graders/round', gradingOf('json-round', 'x', { answer: 'x' }))
    expect([round.status, round.body.error?.code]).toEqual([500, 'grader_gave_no_score'])
    expect((await post(app, '/graders/through', gradingOf('json-through', 'x', { answer: 'x' }))).text).toBe(
      '{"score":1}',
    )
    expect((await grades('json-through')).map(({ grader }) => String(grader)).sort()).toEqual(['exact', 'through'])
  })

  it('is reported at the start if it needs what the server does not have', () => {
    const log = keepingLog()
    const model = { model: 'm', input: [{ role: 'user', content: 'a' }] }
    const vectors = { type: 'text_similarity', evaluation_metric: 'cosine', input: 'a', reference: 'a' }
    const graders = { judged: { type: 'score_model', ...model }, vectors, fine: equal }
    const files = {
      'all.json': { type: 'multi', graders, calculate_output: 'fine' },
      'blocked.json': { type: 'endpoint', url: 'https://graders.example.com' },
      'code.json': { type: 'python', source: 'x' },
      'fine.json': equal,
      'own.json': { type: 'endpoint', url: 'https://rft.example.com/graders/fine' },
    }
    serving(files, { log, publicUrl: 'https://rft.example.com' })
    const logged = log.lines.map(({ level, facts, message }) => [
      level,
      facts['grader'],
      /[A-Z]+_[A-Z]+/.exec(message)?.[0],
    ])
    expect(logged).toEqual([
      ['warn', 'all', 'JUDGE_URL'],
      ['warn', 'all', 'EMBEDDINGS_URL'],
      ['warn', 'blocked', 'ALLOWED_ADDRESSES'],
      ['warn', 'code', 'PYTHON_GRADERS'],
    ])
  })

  const similar = { type: 'text_similarity', input: 'a', reference: 'a' }
  const asked = { model: 'm', input: [{ role: 'user', content: 'a' }] }
  const unbounded = [-Number.MAX_VALUE, Number.MAX_VALUE]
  it.each([
    [equal, [0, 1]],
    [{ ...similar, evaluation_metric: 'bleu' }, [0, 1]],
    [{ ...similar, evaluation_metric: 'cosine' }, [-1, 1]],
    [{ type: 'label_model', ...asked, labels: ['a'], passing_labels: ['a'] }, [0, 1]],
    [{ type: 'score_model', ...asked }, [0, 1]],
    [{ type: 'score_model', ...asked, range: [-2, 7] }, [-2, 7]],
    [{ type: 'python', source: 'x' }, unbounded],
    [{ type: 'endpoint', url: 'https://graders.example.com' }, unbounded],
    [{ type: 'multi', graders: { a: equal }, calculate_output: 'a' }, unbounded],
  ])('has the range of its type: %j', (grader, range) => {
    const [one = expect.fail('no grader')] = readJsonGraders(written({ 'g.json': grader }))
    expect(serveJsonGrader(one, { similarity: () => undefined }).range).toEqual(range)
  })
})

describe('a file that is not a valid grader', () => {
  it.each([
    [
      'open.json',
      check('{{item.x', ''),
      /^graders\/open\.json is not a valid grader.*grader\.input: this "\{\{" is never closed/,
    ],
    ['odd name.json', equal, /^graders\/odd name\.json cannot be an address: name it with letters/],
    ['half.json', '{"type": ', /^graders\/half\.json is not JSON: /],
    ['none.json', '[]', /^graders\/none\.json is not a valid grader.*grader: /],
  ])('is reported with its name and what is wrong: %s', (name, content, message) => {
    expect(() => readJsonGraders(written({ [name]: content }))).toThrow(message)
  })

  it('is reported together with all others', () => {
    const read = () => readJsonGraders(written({ 'a.json': '{', 'b.json': equal, 'c.json': '{}' }))
    expect(read).toThrow(/^graders\/a\.json .*\ngraders\/c\.json [^\n]*$/)
  })

  it('is not reported if there is no folder', () => {
    expect(readJsonGraders(pathToFileURL(join(folder, 'nowhere/')))).toEqual([])
  })
})

/** An entry of a server that also serves these JSON graders; returns its folder. */
function writtenEntry(files: Readonly<Record<string, unknown>>): { readonly cwd: string; readonly entry: string } {
  const cwd = fileURLToPath(new URL('..', written(files)))
  const from = (path: string) => JSON.stringify(new URL(`../../../../${path}`, import.meta.url).href)
  const entry = join(cwd, 'server.mts')
  writeFileSync(
    entry,
    `import { startServer } from ${from('src/server/start-server.ts')}
     import { environment } from ${from('test/environment/environment.ts')}
     import { graders } from ${from('test/environment/graders/index.ts')}
     import { tools } from ${from('test/environment/tools/index.ts')}
     await startServer({ environment, tools, graders, folder: new URL('./', import.meta.url) })`,
  )
  return { cwd, entry }
}

describe('a server process', () => {
  it('serves the graders of its folder together with those that are code', async () => {
    const { cwd, entry } = writtenEntry({ 'exact.json': equal })
    const server = spawnServer(cwd, { DATABASE_URL: database.url, PORT: '0' }, entry)
    const url = await addressOf(server)
    const body = JSON.stringify(gradingOf('json-process', 'x', { answer: 'x' }))
    const response = await fetch(`${url}/graders/exact`, { method: 'POST', body })
    expect(await response.text()).toBe('{"score":1}')
    const description = z.object({ paths: z.record(z.string(), z.unknown()) })
    const { paths } = description.parse(await (await fetch(`${url}/openapi.json`)).json())
    expect(Object.keys(paths)).toEqual(expect.arrayContaining(['/graders/answer', '/graders/exact']))
    await kill(server)
  })

  it('does not start with an invalid file', async () => {
    const { cwd, entry } = writtenEntry({ 'wrong.json': check('{{item.x', '') })
    const server = spawnServer(cwd, { DATABASE_URL: database.url, PORT: '0' }, entry)
    expect(await server.ended).toBe(1)
    expect(server.written.err).toContain('graders/wrong.json')
    expect(server.written.err).toContain('grader.input: this "{{" is never closed')
  })

  it('finds them when it is built, without deleted ones', () => {
    const cwd = fileURLToPath(new URL('..', written({ 'exact.json': equal })))
    cpSync(join(root, 'scripts'), join(cwd, 'scripts'), { recursive: true })
    const gone = join(cwd, 'dist', 'graders', 'gone.json')
    mkdirSync(join(cwd, 'dist', 'graders'), { recursive: true })
    writeFileSync(gone, '{}')
    execFileSync(process.execPath, [join('scripts', 'copy-data.js')], { cwd })
    expect([existsSync(join(cwd, 'dist', 'graders', 'exact.json')), existsSync(gone)]).toEqual([true, false])
  })
})
