import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineGrader, defineTool, gradingOf, post, testApp, toolCall } from '../../support/app.ts'
import { useDatabase } from '../../support/database.ts'
import { text } from '../../support/hostile/arbitraries.ts'
import { lookAlikes } from '../../support/hostile/look-alikes.ts'
import { runs } from '../../support/runs.ts'

/** For the suite; use more runs to search for faults. */
const numRuns = runs(40)

const database = useDatabase()

const note = z.looseObject({ note: z.string() })
const tools = [
  defineTool({
    name: 'note',
    description: 'Notes something and says all notes.',
    input: note,
    effects: 'database',
    run: ({ input, state }) => [state.notes.push(input.note), state.notes],
  }),
  defineTool({
    name: 'note-outside',
    description: 'Notes something, later.',
    input: note,
    effects: 'external',
    async run({ input, updateState, readState }) {
      updateState((state) => void state.notes.push(input.note))
      return (await readState()).notes
    },
  }),
  defineTool({
    name: 'recall',
    description: 'Says all notes.',
    input: z.looseObject({}),
    effects: 'none',
    run: async ({ readState }) => (await readState()).notes,
  }),
]
/** Scores the number of calls; the reason contains what the grader saw. */
const sees = defineGrader({
  name: 'sees',
  version: '1',
  range: [0, 1_000],
  grade: ({ trajectory, state }) => ({ score: trajectory.length, reason: JSON.stringify(state.notes) }),
})
const replica = () => testApp(database, { tools, graders: [sees], budget: undefined })
const notesIn = (output: string | undefined) => z.array(z.unknown()).parse(JSON.parse(output ?? ''))

describe('rollouts whose ids look alike', () => {
  it('each have their own state, order of calls and grading', async () => {
    expect(new Set(lookAlikes).size).toBe(lookAlikes.length)
    const apps = [replica(), replica()] as const
    const made = lookAlikes.flatMap((id, n) =>
      ['note', 'note', 'note-outside'].map(async (name, at) => {
        const call = toolCall(name, id, `call-${at}`, { note: id })
        return (await post(apps[(n + at) % 2 === 0 ? 0 : 1], '/tools', call)).status
      }),
    )
    expect(new Set(await Promise.all(made))).toEqual(new Set([200]))
    for (const id of lookAlikes) {
      const { body } = await post(apps[0], '/tools', toolCall('recall', id, 'last'))
      expect(notesIn(body.output)).toEqual([id, id, id])
      expect((await post(apps[1], '/grade', gradingOf(id, ''))).body.score).toBe(4)
      const [row] = await database.sql`
        select reason, calls, (select array_agg(seq order by seq) from ledger.calls where rollout_id = r.id) as seqs
        from ledger.gradings g join rollouts r on r.id = g.rollout_id where r.id = ${id}`
      expect(row).toEqual({ reason: JSON.stringify([id, id, id]), calls: 4, seqs: [1, 2, 3, 4] })
    }
  })

  it('have separate calls, even if rollout and call ids would concatenate to the same text', async () => {
    const pairs = [
      ...[
        ['a', 'b:c'],
        ['a:b', 'c'],
        ['a:', 'b:c'],
        ['a","b', 'c'],
        ['a', 'b","c'],
        ['', 'abc'],
        ['ab', 'c'],
        ['a', 'bc'],
      ],
      ...[
        ['a/b', 'c'],
        ['a', 'b/c'],
        ['a\u0001b', 'c'],
        ['a', '\u0001bc'],
        ['a,b', 'c'],
        ['a', 'b,c'],
        ['b', 'a'],
        ['a', 'b'],
      ],
    ].filter((pair): pair is [string, string] => pair[0] !== '')
    const app = replica()
    const outputs = await Promise.all(
      pairs.map(async ([rollout, call]) => {
        const { body } = await post(app, '/tools', toolCall('note', rollout, call, { note: `${rollout}|${call}` }))
        return notesIn(body.output)[1]
      }),
    )
    for (const [n, [rollout, call]] of pairs.entries()) expect(outputs[n]).toContain(`${rollout}|${call}`)
  })

  it('are the same rollout if they differ only in text that cannot be stored: its calls are retries or calls of their own', async () => {
    const app = replica()
    const told = await post(app, '/tools', toolCall('note', 'odd\u0000', 'c', { note: 'mine' }))
    const retried = await post(app, '/tools', toolCall('note', 'odd\ud800', 'c', { note: 'mine' }))
    expect([retried.text, retried.headers.get('x-replayed')]).toEqual([told.text, 'true'])
    const other = await post(app, '/tools', toolCall('note', 'odd\ufffd', 'c', { note: 'theirs' }))
    expect([other.status, other.headers.get('x-replayed')]).toEqual([200, null])
    expect(other.text).toContain('theirs')
    for (const { headers } of [told, retried]) expect(headers.get('x-rollout-id')).toBe(encodeURIComponent('odd\ufffd'))
  })

  it('are kept digit for digit if they are numbers, and are never merged by rounding', async () => {
    const app = replica()
    const call = (id: string) =>
      `{"name":"note","trace_id":${id},"call_id":"n","arguments":{"note":${JSON.stringify(id)}}}`
    for (const id of ['9007199254740992', '9007199254740993', '1e300', '0.1', '1e-400.5']) {
      expect((await post(app, '/tools', call(id))).status).toBe(400)
    }
    const last = String(Number.MAX_SAFE_INTEGER)
    expect((await post(app, '/tools', call(last))).headers.get('x-rollout-id')).toBe(last)
  })

  it('are distinguished in the header that names them', async () => {
    const app = replica()
    for (const id of ['a b', 'a%20b', 'a%2520b', '100%', 'é', '%C3%A9']) {
      const { headers } = await post(app, '/tools', toolCall('note', id, 'h', { note: '' }))
      expect(decodeURIComponent(headers.get('x-rollout-id') ?? '')).toBe(id)
    }
  })
})

describe('a call, whatever the model writes', () => {
  it('sees and changes only the state of its own rollout', async () => {
    const apps = [replica(), replica()] as const
    const victim = `victim-${'x'.repeat(20)}`
    await post(apps[0], '/tools', toolCall('note', victim, 'secret', { note: 'a secret' }))
    const before = await database.sql`select * from rollouts where id = ${victim}`
    const field = fc.constantFrom(
      'rollout',
      'rolloutId',
      'rollout_id',
      'trace_id',
      'state',
      'notes',
      'tx',
      '__proto__',
      'id',
    )
    const wanted = fc.oneof(fc.constantFrom(victim, `${victim}' or '1'='1`, `%${victim}%`, '*'), text)
    const args = fc.tuple(fc.dictionary(field, wanted), wanted).map(([more, written]) => ({ ...more, note: written }))
    let n = 0
    await fc.assert(
      fc.asyncProperty(fc.array(args, { minLength: 1, maxLength: 6 }), async (calls) => {
        n += 1
        const rollout = `attacker-${n}`
        const answers = await Promise.all(
          calls.map((given, at) => {
            const name = at % 3 === 2 ? 'note-outside' : 'note'
            return post(apps[at % 2 === 0 ? 0 : 1], '/tools', toolCall(name, rollout, `${at}`, given, { ...calls[0] }))
          }),
        )
        for (const { status, text } of answers) expect([status, text.includes('a secret')]).toEqual([200, false])
        const { body } = await post(apps[0], '/tools', toolCall('recall', rollout, 'r', { trace_id: victim }))
        expect(notesIn(body.output)).toHaveLength(calls.length)
        expect((await post(apps[1], '/grade', gradingOf(rollout, victim))).body.score).toBe(calls.length + 1)
      }),
      { numRuns },
    )
    expect(await database.sql`select * from rollouts where id = ${victim}`).toEqual(before)
  })
})
