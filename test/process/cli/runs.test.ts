import { beforeEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineGrader, defineTool, gradingOf, post, testApp, toolCall } from '../../support/app.ts'
import { useDatabase } from '../../support/database.ts'
import { scorekeeper } from '../../support/scorekeeper.ts'

const database = useDatabase()
const run = (...args: readonly string[]) => scorekeeper(args, { DATABASE_URL: database.url })
const json = async (...args: readonly string[]) => JSON.parse((await run(...args, '--json')).out)

const echo = defineTool({
  name: 'echo',
  description: 'Repeats.',
  input: z.object({ word: z.string() }),
  effects: 'none',
  run: ({ input }) => input.word,
})
const grader = defineGrader({
  name: 'length',
  version: '1',
  range: [0, 10],
  grade({ sample }) {
    if (sample.output_text === 'fail') throw new Error('the grader is broken')
    return sample.output_text?.length ?? 0
  },
})
const app = testApp(database, { tools: [echo], graders: [grader] })
const call = (name: string, rollout: string) =>
  post(app, `/runs/${name}/tools/echo`, toolCall('echo', rollout, 'c1', { word: 'a' }, { question: rollout }))
const grade = (name: string, rollout: string, output: string) =>
  post(app, `/runs/${name}/graders/length`, gradingOf(rollout, output, { question: rollout }))

const rowsOf = (name: string) => database.sql`
  select (select count(*)::int from runs where name = ${name}) as runs, (select count(*)::int from items where run = ${name}) as items,
    (select count(*)::int from rollouts where run = ${name}) as rollouts,
    (select count(*)::int from tool_calls where run = ${name}) as calls,
    (select count(*)::int from grades where run = ${name}) as gradings`
const nothing = { runs: 0, items: 0, rollouts: 0, calls: 0, gradings: 0 }

beforeEach(async () => {
  await database.sql`truncate runs, items, rollouts, tool_calls, grades, replays`
})

describe('scorekeeper runs', () => {
  it('lists runs with what was scored, the one that was used last first', async () => {
    await call('first', 'r1')
    await grade('first', 'r1', 'four')
    await grade('first', 'r2', 'fail')
    await grade('first', 'r3', 'ab')
    await call('second', 'r1')
    const runs = await json('runs')
    expect(runs).toMatchObject([
      { run: 'second', rollouts: 1, scored: 0, mean: null, failed: 0, open: 1 },
      { run: 'first', rollouts: 3, scored: 2, mean: 3, failed: 1, ungradable: 0, open: 3 },
    ])
    expect(await json('runs', '--run', 'first')).toEqual([runs[1]])
    const { out } = await run('runs')
    expect(out).toMatch(/^run +rollouts +scored +mean +failed +ungradable +open +first +last\n/)
    expect(out).toMatch(/\nfirst +3 +2 +3 +33 % +– +3 +\d{4}-/)
  })

  it('reports that no run is recorded', async () => {
    expect(await run('runs')).toEqual({ code: 0, out: 'no run is recorded\n', err: '' })
    expect((await run('runs', '--open')).out).toBe('no rollout is open\n')
  })

  it('lists rollouts that have not been released, and how far they are', async () => {
    for (const rollout of ['open', 'due', 'ending', 'waiting', 'released']) await call('a', rollout)
    await grade('a', 'open', 'x')
    await database.sql`update rollouts set due_at = now() - interval '1 minute' where id = 'due'`
    await database.sql`
      update rollouts set ended_at = now(), outcome = 'graded', lease_until = now() + case id when 'ending' then 1 else -1 end * interval '1 minute',
        released_at = case id when 'released' then now() end
      where id in ('ending', 'waiting', 'released')`
    await database.sql`update tool_calls set outcome = 'running' where rollout = (select number from rollouts where id = 'open')`
    await call('b', 'other')
    const found = await json('runs', '--open', '--run', 'a')
    expect(found.counts).toEqual({ open: 1, due: 1, ending: 1, waiting: 1 })
    expect(found.oldest).toMatchObject([
      { rollout: 'open', stage: 'open', calls: 1, running: 1 },
      { rollout: 'due', stage: 'due', running: 0 },
      { rollout: 'ending', stage: 'ending' },
      { rollout: 'waiting', stage: 'waiting' },
    ])
    const { out } = await run('runs', '--open', '--most', '2')
    expect(out).toContain('2 open, 1 due, 1 being released, 1 waiting for release\n')
    expect(out).toMatch(/\na\/open +1 +open, graded +in /)
    expect(out).toContain('and 3 more; --most lists more of them')
  })

  it('gives a run a title, which the list shows', async () => {
    await call('a', 'r1')
    expect(await run('runs', 'title', 'a', 'lower temperature')).toEqual({ code: 0, out: '', err: '' })
    expect((await run('runs')).out).toMatch(/lower temperature\n$/)
    expect(await run('runs', 'title', 'a', '')).toMatchObject({ code: 0 })
    expect(await json('runs')).toMatchObject([{ title: null }])
    expect(await run('runs', 'title', 'b', 'x')).toEqual({ code: 1, out: '', err: 'runs: no run "b" is recorded\n' })
  })

  it('deletes a run with everything in it, and nothing of another', async () => {
    for (const name of ['a', 'b']) {
      await call(name, 'r1')
      await call(name, 'r2')
      await grade(name, 'r1', 'four')
    }
    const [kept] = await rowsOf('b')
    expect(await run('runs', 'delete', 'a', '--yes')).toEqual({
      code: 0,
      out: '',
      err: 'deleted the run "a": 2 rollouts\n',
    })
    expect(await rowsOf('a')).toEqual([nothing])
    expect(await rowsOf('b')).toEqual([kept])
  })

  it('reports an unknown run', async () => {
    const err = 'runs: the run "a" is not recorded\n'
    expect(await run('runs', 'delete', 'a', '--yes')).toEqual({ code: 1, out: '', err })
  })

  it('deletes nothing unless a person agrees, or --yes does', async () => {
    await call('a', 'r1')
    const { code, err } = await run('runs', 'delete', 'a')
    expect({ code, err }).toEqual({
      code: 1,
      err: 'runs: delete the run "a", 1 rollout with calls and gradings needs --yes where nobody can be asked\n',
    })
    expect(await rowsOf('a')).toMatchObject([{ rollouts: 1 }])
  })
})

describe('scorekeeper rollouts delete', () => {
  it('deletes a rollout with all its attempts, of one run', async () => {
    await call('a', 'r1')
    await call('a', 'r2')
    await call('b', 'r1')
    expect(await run('rollouts', 'delete', 'r1', '--run', 'a', '--yes')).toEqual({
      code: 0,
      out: '',
      err: 'deleted the rollout "a/r1": 1 attempt\n',
    })
    expect(await rowsOf('a')).toMatchObject([{ rollouts: 1, calls: 1 }])
    expect(await rowsOf('b')).toMatchObject([{ rollouts: 1, calls: 1 }])
  })

  it('reports an unknown rollout', async () => {
    expect(await run('rollouts', 'delete', 'r1', '--yes')).toEqual({
      code: 1,
      out: '',
      err: 'rollouts: the rollout "default/r1" is not recorded\n',
    })
  })
})
