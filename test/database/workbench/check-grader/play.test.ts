import { sql } from 'drizzle-orm'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { Grader } from '../../../../src/kit/define-grader.ts'
import type { Tool } from '../../../../src/kit/define-tool.ts'
import { sketchTools } from '../../../../src/workbench/check-grader/call-attacks.ts'
import { checkGrader } from '../../../../src/workbench/check-grader/check-grader.ts'
import { needsOf } from '../../../../src/workbench/check-grader/needs.ts'
import { createPlay } from '../../../../src/workbench/check-grader/playground.ts'
import { referencesOf } from '../../../../src/workbench/check-grader/references.ts'
import { readCheckRow } from '../../../../src/workbench/check-grader/rows.ts'
import { noServices } from '../../../../src/workbench/check-grader/try-answer.ts'
import { defineGrader, defineTool } from '../../../support/app.ts'
import { useDatabase } from '../../../support/database.ts'

const database = useDatabase()
const mailed: string[] = []

const note = defineTool({
  name: 'note',
  description: 'Keeps a note.',
  input: z.object({ text: z.string() }),
  effects: 'database',
  run: ({ input, state }) => `note ${state.notes.push(input.text)} is kept`,
})
const mail = defineTool({
  name: 'mail',
  description: 'Sends a mail.',
  input: z.object({ to: z.string() }),
  effects: 'external',
  run: ({ input }) => `mail ${mailed.push(input.to)} is sent`,
})
const tools: readonly Tool[] = [note, mail]

const recorded = z.tuple([z.object({ calls: z.coerce.number() })])

/** Scores a right answer if the ledger has a call of the rollout: it reads the database. */
const readsDatabase = defineGrader({
  name: 'reads-database',
  version: '1',
  async grade({ sample, reference, db, rolloutId }) {
    const rows = await db.execute(sql`select count(*) as calls from ledger.calls where rollout_id = ${rolloutId}`)
    const [{ calls }] = recorded.parse([...rows])
    return Number(sample.output_text === reference.answer && calls > 0)
  },
})

/** Scores a right answer if the note in the state is the answer, which is an effect of a call. */
const readsState = defineGrader({
  name: 'reads-state',
  version: '1',
  grade: ({ sample, reference, state }) =>
    Number(sample.output_text === reference.answer && state.notes.includes(reference.answer)),
})

const labelled = (trajectory: (answer: string) => readonly unknown[]) =>
  ['red apples', 'blue plums', 'green pears'].map((answer, n) =>
    readCheckRow({
      item: { question: `What is in basket ${n}?`, answer },
      answers: [
        { output_text: answer, label: 1, trajectory: trajectory(answer) },
        { output_text: 'nothing', label: 0, trajectory: [{ tool: 'note', arguments: { text: 'nothing' } }] },
      ],
    }),
  )
const noting = labelled((text) => [{ tool: 'note', arguments: { text }, output: 'note 1 is kept' }])

const materialOf = (grader: Grader, rows = noting) => ({
  grader,
  rows,
  references: referencesOf(rows, grader),
  tools: sketchTools(tools),
  services: noServices(),
})

/** The verdicts of the checks, with a real database and real calls. */
async function played(grader: Grader, rows = noting) {
  const play = createPlay(database, { tools, budget: 10 })
  const services = { ...noServices(), db: database.db, play }
  const findings = await checkGrader({ ...materialOf(grader, rows), services })
  return Object.fromEntries(findings.map(({ check, verdict, found }) => [check, `${verdict}: ${found}`]))
}

describe('a grader that reads the database', () => {
  it('is checked with real calls, each in its own rollout', async () => {
    expect(await needsOf(materialOf(readsDatabase), tools)).toMatchObject({ kind: 'calls', skipped: [] })
    const verdicts = await played(readsDatabase)
    expect(verdicts['faults']).toMatch(/^pass/)
    expect(verdicts['right answers']).toMatch(/^pass: right answers earn 100 %/)
    expect(verdicts['degenerate answers']).toMatch(/^pass/)
    const [{ rollouts }] = z
      .tuple([z.object({ rollouts: z.coerce.number() })])
      .parse([...(await database.sql`select count(*) as rollouts from rollouts where id like 'check\\_%'`)])
    expect(rollouts).toBeGreaterThan(10)
  })

  it('cannot be checked if its labelled answers have no calls, or calls of other tools', async () => {
    const silent = labelled(() => []).map((row) => ({ ...row, answers: row.answers.slice(0, 1) }))
    expect(await needsOf(materialOf(readsDatabase, silent), tools)).toEqual({
      kind: 'database',
      why: 'no labelled answer has calls',
    })
    const foreign = labelled(() => [{ tool: 'refund', arguments: {} }])
    expect(await needsOf(materialOf(readsDatabase, foreign), tools)).toEqual({
      kind: 'database',
      why: 'labelled answers call refund, which is not in tools/',
    })
  })
})

describe('a grader that reads the effects of calls', () => {
  it('sees the state after the calls', async () => {
    expect(await needsOf(materialOf(readsState), tools)).toMatchObject({ kind: 'calls' })
    const described = await checkGrader(materialOf(readsState))
    expect(described.find(({ check }) => check === 'right answers')?.verdict).toBe('fail')
    const verdicts = await played(readsState)
    expect(verdicts['right answers']).toMatch(/^pass/)
    expect(verdicts['labelled answers']).toMatch(/^pass/)
  })

  it('needs no calls if its labelled answers include the state', async () => {
    const rows = noting.map((row) => ({
      ...row,
      answers: row.answers.map((answer) => ({ ...answer, state: { notes: [answer.output_text] } })),
    }))
    expect(await needsOf(materialOf(readsState, rows), tools)).toEqual({ kind: 'nothing' })
  })

  it('never causes an external effect: such calls keep their labelled output', async () => {
    const sent = defineGrader({
      name: 'sent',
      version: '1',
      grade: ({ sample, reference, trajectory }) =>
        Number(
          sample.output_text === reference.answer &&
            trajectory.map(({ tool, output }) => `${tool}: ${output}`).join() === 'mail: sent,note: note 1 is kept',
        ),
    })
    const rows = labelled((text) => [
      { tool: 'mail', arguments: { to: 'a@example.com' }, output: 'sent' },
      { tool: 'note', arguments: { text }, output: 'kept' },
    ])
    expect(await needsOf(materialOf(sent, rows), tools)).toMatchObject({ kind: 'calls', skipped: ['mail'] })
    expect((await played(sent, rows))['right answers']).toMatch(/^pass/)
    expect(mailed).toEqual([])
  })
})
