import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { contentHash } from '../../../src/base/json.ts'
import { createLedger } from '../../../src/ledger/ledger.ts'
import { createReplayCounter } from '../../../src/ledger/replays.ts'
import { defineGrader, defineTool, gradingOf, post, testApp, toolCall } from '../../support/app.ts'
import { useDatabase } from '../../support/database.ts'

// A trainer that counts its rollout ids from 0 again in each epoch.
const database = useDatabase()
const elsewhere = database.another(10)

const input = z.object({ text: z.string() })
const head = { description: 'Notes a text.', input }
const tools = [
  defineTool({ ...head, name: 'none', effects: 'none', run: ({ input }) => `read ${input.text}` }),
  defineTool({
    ...head,
    name: 'database',
    effects: 'database',
    run({ input, state }) {
      state.notes.push(input.text)
      return `noted ${state.notes.length}`
    },
  }),
  defineTool({ ...head, name: 'external', effects: 'external', run: ({ input }) => `sent ${input.text}` }),
]
/** Scores the calls and the notes of the attempt alone. */
const grader = defineGrader({
  name: 'own',
  version: '1',
  range: [0, 100],
  grade: ({ trajectory, state }) => trajectory.length * 10 + state.notes.length,
})
const names = ['none', 'database', 'external']
const rollouts = Array.from({ length: 100 }, (_, n) => String(n))

const replicas = [testApp(database, { tools, graders: [grader] }), testApp(elsewhere, { tools, graders: [grader] })]
const replica = (n: number) => replicas[n % 2] ?? testApp(database)

/** One epoch's calls of one rollout: `ids` names the calls, `text` is what they write. */
async function play(run: string, rollout: string, ids: string, text: string, item: unknown) {
  const outputs: unknown[] = []
  for (const [n, name] of names.entries()) {
    const path = `/runs/${run}/tools/${name}`
    outputs.push(
      (await post(replica(Number(rollout) + n), path, toolCall(name, rollout, `${ids}${n}`, { text }, item))).body
        .output,
    )
  }
  return outputs
}

const grade = async (run: string, rollout: string, answer: string, item: unknown) =>
  (await post(replica(Number(rollout)), `/runs/${run}/grade`, gradingOf(rollout, answer, item))).body.score

const attemptsOf = async (run: string) => [
  ...(await database.sql`
    select r.attempt, count(*)::int as rollouts, min(r.calls) as least, max(r.calls) as most,
      count(*) filter (where r.graded_at is not null)::int as graded
    from rollouts r where r.run = ${run} group by r.attempt order by r.attempt`),
]
const eachEpoch = [1, 2, 3].map((attempt) => ({ attempt, rollouts: 100, least: 3, most: 3, graded: 100 }))

describe('ids 0 … 99 in three epochs of one run', () => {
  it('with other items and the same call ids are 300 attempts, and late retries are replayed', async () => {
    const itemOf = (epoch: number, rollout: string) => ({ question: `${epoch} of ${rollout}` })
    for (const epoch of [1, 2, 3]) {
      await Promise.all(
        rollouts.map(async (rollout) => {
          const item = itemOf(epoch, rollout)
          const outputs = await play('other-items', rollout, 'c', 'x', item)
          expect(outputs).toEqual(['read x', 'noted 1', 'sent x'])
          if (epoch > 1) {
            // A late retry of the epoch before, while this one goes on.
            expect(await play('other-items', rollout, 'c', 'x', itemOf(epoch - 1, rollout))).toEqual(outputs)
            expect(await grade('other-items', rollout, 'answer', itemOf(epoch - 1, rollout))).toBe(31)
          }
          expect(await grade('other-items', rollout, 'answer', item)).toBe(31)
          expect(await play('other-items', rollout, 'c', 'x', item)).toEqual(outputs)
          expect(await grade('other-items', rollout, 'answer', item)).toBe(31)
        }),
      )
    }
    expect(await attemptsOf('other-items')).toEqual(eachEpoch)
  })

  it('with the same items and fresh call ids are 300 attempts, each graded on its own calls', async () => {
    for (const epoch of [1, 2, 3]) {
      await Promise.all(
        rollouts.map(async (rollout) => {
          const item = { question: `of ${rollout}` }
          const outputs = await play('fresh-ids', rollout, `${epoch}-`, 'x', item)
          expect(outputs).toEqual(['read x', 'noted 1', 'sent x'])
          // Another answer in each epoch: the same one would be the same grading until the attempt's first call.
          expect(await grade('fresh-ids', rollout, `answer ${epoch}`, item)).toBe(31)
          expect(await play('fresh-ids', rollout, `${epoch}-`, 'x', item)).toEqual(outputs)
          expect(await grade('fresh-ids', rollout, `answer ${epoch}`, item)).toBe(31)
        }),
      )
    }
    expect(await attemptsOf('fresh-ids')).toEqual(eachEpoch)
  })

  it('with the same of both are 300 attempts if each has ended before the next begins', async () => {
    for (const _ of [1, 2, 3]) {
      await Promise.all(
        rollouts.map(async (rollout) => {
          const item = { question: `of ${rollout}` }
          const outputs = await play('the-same', rollout, 'c', 'x', item)
          expect(outputs).toEqual(['read x', 'noted 1', 'sent x'])
          expect(await play('the-same', rollout, 'c', 'x', item)).toEqual(outputs)
          expect(await grade('the-same', rollout, 'answer', item)).toBe(31)
          expect(await play('the-same', rollout, 'c', 'x', item)).toEqual(outputs)
        }),
      )
      await database.sql`update rollouts set ended_at = now() where run = 'the-same' and ended_at is null`
      // The score is stored for ever: a late retry of the grading alone begins nothing.
      expect(await grade('the-same', '7', 'answer', { question: 'of 7' })).toBe(31)
    }
    expect(await attemptsOf('the-same')).toEqual(eachEpoch)
  })
})

describe('an attempt', () => {
  const item = { question: 'q' }

  it('takes another answer to its item as another grading, until it has ended', async () => {
    await play('answers', '1', 'c', 'x', item)
    expect(await grade('answers', '1', 'first', item)).toBe(31)
    expect(await grade('answers', '1', 'second', item)).toBe(31)
    await database.sql`update rollouts set ended_at = now() where run = 'answers'`
    expect(await grade('answers', '1', 'third', item)).toBe(0)
    const gradings = await database.sql`
      select attempt, count(*)::int as count from ledger.gradings where run = 'answers' group by attempt order by attempt`
    expect([...gradings]).toEqual([
      { attempt: 1, count: 2 },
      { attempt: 2, count: 1 },
    ])
  })

  it('is begun once by 40 first calls at once on two replicas, and they count to one budget', async () => {
    await post(replica(0), '/runs/at-once/grade', gradingOf('r', 'x', item))
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, n) =>
        post(
          replica(n),
          `/runs/at-once/tools/${names[n % 3]}`,
          toolCall(names[n % 3] ?? '', 'r', `c${n}`, { text: 'x' }, item),
        ),
      ),
    )
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200))
    const rows = await database.sql`
      select attempt, count(*)::int as calls, count(distinct seq)::int as seqs, max(seq) as last from ledger.calls
      where run = 'at-once' group by attempt`
    expect([...rows]).toEqual([{ attempt: 2, calls: 40, seqs: 40, last: 40 }])
  })

  it('keeps a call that was found to belong to it and is recorded after its grading', async () => {
    const ledger = createLedger({ ...database, budget: undefined, now: Date.now })
    const call = (callId: string) => ({
      ...{ run: 'late-record', rolloutId: '1', callId, tool: 'none', arguments: {}, itemHash: contentHash(item), item },
    })
    const ok = { outcome: 'ok', output: '', code: null, startedAt: new Date() } as const
    const first = await ledger.record({ ...call('a'), ...ok })
    const { number } = await ledger.locate(call('b'))
    expect(number).toBe(first.call.number)
    await grade('late-record', '1', 'answer', item)
    expect((await ledger.record({ ...call('b'), ...ok, number })).call).toMatchObject({ attempt: 1, seq: 2 })
    expect((await ledger.record({ ...call('c'), ...ok })).call).toMatchObject({ attempt: 2, seq: 1 })
  })

  it('counts what is replayed, apart from its own row', async () => {
    await play('replays', '1', 'c', 'x', item)
    await play('replays', '1', 'c', 'x', item)
    for (const _ of [1, 2, 3]) await grade('replays', '1', 'answer', item)
    await expect
      .poll(async () => [...(await database.sql`select calls, gradings from replays where run = 'replays'`)])
      .toEqual([{ calls: 3, gradings: 2 }])
  })

  it('counts nothing of an attempt that was deleted before its replays are stored', async () => {
    await play('deleted-replays', '1', 'c', 'x', item)
    const [row] = await database.sql<{ number: number }[]>`
      select number::float8 as number from rollouts where run = 'deleted-replays'`
    const counter = createReplayCounter(database.sql)
    counter.add({ run: 'deleted-replays', number: row?.number ?? 0 }, 'calls')
    await database.sql`delete from rollouts where run = 'deleted-replays'`
    await counter.flush()
    expect([...(await database.sql`select calls from replays where run = 'deleted-replays'`)]).toEqual([])
  })

  it('keeps the state before and after each call that changed it', async () => {
    await play('states', '1', 'c', 'x', item)
    const rows = await database.sql`
      select tool, state_before, state_after from ledger.calls where run = 'states' order by seq`
    expect([...rows]).toEqual([
      { tool: 'none', state_before: null, state_after: null },
      { tool: 'database', state_before: null, state_after: { notes: ['x'] } },
      { tool: 'external', state_before: null, state_after: null },
    ])
  })
})
