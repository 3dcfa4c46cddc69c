import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { ToolError } from '../../../src/kit/errors.ts'
import { defineGrader, defineTool, gradingOf, post, testApp, toolCall } from '../../support/app.ts'
import { createTestDatabase, useDatabase } from '../../support/database.ts'
import { scorekeeper } from '../../support/scorekeeper.ts'
import { makeFolder, removeFolder } from '../../support/temporary.ts'

const database = useDatabase()
const folder = makeFolder()
const show = (...args: readonly string[]) => scorekeeper(['show', ...args], { DATABASE_URL: database.url })

const look = defineTool({
  name: 'look',
  description: 'Looks.',
  input: z.object({ word: z.string() }),
  effects: 'none',
  run({ input }) {
    if (input.word === 'nothing') throw new ToolError('no page is about nothing; try a word')
    if (input.word === 'broken') throw new Error('the index is missing', { cause: new TypeError('no pages') })
    return Array.from({ length: 40 }, (_, n) => `line ${n + 1} about ${input.word}\u001b[31m`).join('\n')
  },
})
const note = defineTool({
  name: 'note',
  description: 'Notes.',
  input: z.object({ word: z.string() }),
  effects: 'database',
  run({ input, state }) {
    state.notes.push(input.word)
    return 'noted'
  },
})
const grader = defineGrader({
  name: 'exact',
  version: '3',
  range: [0, 1],
  grade: ({ trajectory }) => ({
    score: 0.75,
    parts: { answer: 1, calls: trajectory.length },
    reason: 'right <b>but</b> slow',
  }),
})
const item = { messages: [{ role: 'user', content: 'how much?' }], question: 'how much?', answer: 'yes' }

beforeAll(async () => {
  const app = testApp(database, { tools: [look, note], graders: [grader] })
  const call = (run: string, tool: string, rollout: string, id: string, word: string) =>
    post(app, `/runs/${run}/tools/${tool}`, toolCall(tool, rollout, id, { word }, item))
  await call('exp-7', 'look', 'r1', 'c1', 'revenue')
  await call('exp-7', 'look', 'r1', 'c2', 'nothing')
  await call('exp-7', 'note', 'r1', 'c4', 'done')
  await post(app, '/runs/exp-7/graders/exact', gradingOf('r1', 'it was 12', item))
  await call('exp-7', 'look', 'r1', 'c9', 'second')
  await call('exp-7', 'look', 'failing', 'c3', 'broken')
  await call('exp-7', 'look', 'failing', 'c3', 'broken')
  await post(app, '/runs/exp-7/graders/exact', gradingOf('failing', 'no idea', item))
  await call('exp-8', 'look', 'r1', 'c1', 'elsewhere')
  await call('exp-8', 'look', 'a/b', 'c1', 'slashed')
})
afterAll(() => removeFolder(folder))

describe('scorekeeper show', () => {
  it('prints the item, the calls and the gradings of an attempt, with long texts folded', async () => {
    const { out, err, code } = await show('exp-7/r1', '--attempt', '1')
    expect({ err, code }).toEqual({ err: '', code: 0 })
    expect(out).toContain('exp-7/r1  attempt 1 of 2')
    expect(out).toContain('user      how much?\n  answer    yes\n  question  how much?')
    expect(out).toContain('3 calls: 2 ok, 1 refused')
    expect(out).toContain('{"word":"revenue"}')
    expect(out).toContain('line 3 about revenue')
    expect(out).toMatch(/… 33 more lines; --full shows them/)
    expect(out).not.toContain('line 40 about revenue')
    expect(out).toContain('→ no page is about nothing; try a word')
    expect(out).toContain('state  notes + "done"')
    expect(out).toMatch(/exact 3 {2}scored 0\.75/)
    expect(out).toContain('calls 3   answer 1')
    expect(out).toContain('right <b>but</b> slow')
    expect(out).toContain('sample it was 12')
  })

  it('prints why a call failed, how often it was made, and why a grading has no score', async () => {
    const { out } = await show('failing')
    expect(out).toMatch(/look {2}failed {2}tool_failed .* execution 2/)
    expect(out).toContain('cause  Error: the index is missing')
    expect(out).toContain('from  TypeError: no pages')
    expect(out).toMatch(/exact 3 {2}ungradable {2}rollout_has_failed_call/)
  })

  it('prints whole texts with --full, and no escape sequence of a tool', async () => {
    const { out } = await show('exp-7/r1', '--attempt', '1', '--full')
    expect(out).toContain('line 40 about revenue')
    expect(out).not.toContain('\u001b')
  })

  it('shows the latest attempt, and the newest rollout with --last', async () => {
    expect((await show('exp-7/r1')).out).toContain('attempt 2 of 2')
    expect((await show('--last')).out).toContain('exp-8/a/b')
    expect((await show('--last', '--run', 'exp-7')).out).toContain('exp-7/failing')
    expect((await show('a/b')).out).toContain('slashed')
  })

  it('prints all that is recorded as JSON', async () => {
    const report = JSON.parse((await show('r1', '--run', 'exp-7', '--attempt', '1', '--json')).out)
    expect(report).toMatchObject({
      run: 'exp-7',
      rollout: 'r1',
      attempt: 1,
      attempts: 2,
      item,
      state: { notes: ['done'] },
    })
    expect(report.calls).toHaveLength(3)
    expect(report.calls[2]).toMatchObject({ tool: 'note', state_after: { notes: ['done'] }, cause: null })
    expect(report.gradings).toMatchObject([{ score: 0.75, sample: { output_text: 'it was 12' } }])
  })

  it('writes a page in one file, in which texts are escaped', async () => {
    const path = join(folder, 'rollout.html')
    expect(await show('exp-7/r1', '--attempt', '1', '--page', path)).toEqual({ code: 0, out: '', err: '' })
    const page = readFileSync(path, 'utf8')
    expect(page).toContain('<title>Rollout exp-7/r1</title>')
    expect(page).toContain('right &lt;b&gt;but&lt;/b&gt; slow')
    expect(page).toContain('line 40 about revenue')
    expect(page).not.toMatch(/<script|src=|href=/)
  })

  it.each([
    [['r1'], 'show: several runs have a rollout "r1"; name one of them: exp-8/r1, exp-7/r1\n'],
    [['nobody'], 'show: no rollout "nobody" is recorded\n'],
    [['r1', '--run', 'exp-9'], 'show: no rollout "r1" is recorded in the run "exp-9"\n'],
    [['exp-7/r1', '--attempt', '5'], 'show: the rollout "exp-7/r1" has 2 attempts, and no attempt 5\n'],
    [['--last', '--run', 'exp-9'], 'show: the run "exp-9" has no rollout\n'],
  ])('says what there is instead: %j', async (args, err) => {
    expect(await show(...args)).toEqual({ code: 1, out: '', err })
  })

  it('does not change a database without the tables of this version, and says what to do', async () => {
    const empty = await createTestDatabase({ migrated: false })
    const { code, err } = await scorekeeper(['show', '--last'], { DATABASE_URL: empty.url })
    expect({ code, err }).toEqual({
      code: 1,
      err: expect.stringMatching(
        /^show: the Postgres at .* does not have the tables of this version; start the server, or run/,
      ),
    })
    expect(
      (await scorekeeper(['sql', 'select to_regclass($$rollouts$$) as found'], { DATABASE_URL: empty.url })).out,
    ).toBe('{"found":null}\n')
    await empty.drop()
  })

  it('wants an id or --last', async () => {
    expect(await show()).toMatchObject({ code: 2, err: expect.stringContaining('give the id of a rollout, or --last') })
    expect(await show('r1', '--last')).toMatchObject({ code: 2 })
  })
})
