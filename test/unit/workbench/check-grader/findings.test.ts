import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { Grader } from '../../../../src/kit/define-grader.ts'
import { checkGrader } from '../../../../src/workbench/check-grader/check-grader.ts'
import { oneForAll } from '../../../../src/workbench/check-grader/findings.ts'
import { referencesOf } from '../../../../src/workbench/check-grader/references.ts'
import { readCheckRow } from '../../../../src/workbench/check-grader/rows.ts'
import { noServices } from '../../../../src/workbench/check-grader/try-answer.ts'
import { defineGrader } from '../../../support/app.ts'
import { badGraders } from '../../../support/check-grader/bad-graders.ts'

/** The finding of the check with this name. */
async function found(grader: Grader, items: readonly unknown[], check: string) {
  const rows = items.map(readCheckRow)
  const findings = await checkGrader({ grader, rows, references: referencesOf(rows, grader), services: noServices() })
  return findings.find((one) => one.check === check)
}

/** The score is the number in the answer. */
const numeric = defineGrader({ name: 'numeric', version: '1', grade: ({ sample }) => Number(sample.output_text) || 0 })
const labelled = (answers: Readonly<Record<string, number>>) => [
  {
    item: { question: 'What?' },
    answers: Object.entries(answers).map(([output_text, label]) => ({ output_text, label })),
  },
]

describe('labelled answers', () => {
  it('pass a grader that ranks them as people do, and show the answers with another score', async () => {
    const finding = await found(
      numeric,
      labelled({ '1.0': 1, '0.9': 0.6, '0.5': 0.5, '0.2': 0.1, '0.0': 0 }),
      'labelled answers',
    )
    expect(finding).toMatchObject({
      verdict: 'pass',
      found: 'rank correlation 1.00 with 5 labelled answers; 1 differ by more than 25 %',
      examples: [{ attempt: 'a labelled answer, worth 0.60', output: '"0.9"', earned: 0.9 }],
    })
  })

  it('fail a grader that ranks them differently, and show the largest difference first', async () => {
    const finding = await found(
      numeric,
      labelled({ '0.1': 1, '0.4': 0.9, '0.5': 0.5, '0.6': 0.3, '0.8': 0 }),
      'labelled answers',
    )
    expect(finding?.verdict).toBe('fail')
    expect(finding?.found).toBe('rank correlation -1.00 with 5 labelled answers; 4 differ by more than 25 %')
    expect(finding?.examples.map(({ output }) => output)).toEqual(['"0.1"', '"0.8"', '"0.4"'])
  })

  it('fail a grader that gives every answer the same score, which has no rank', async () => {
    const answers = { a: 1, b: 0.8, c: 0.5, d: 0.3, e: 0 }
    expect(await found(numeric, labelled(answers), 'labelled answers')).toMatchObject({
      verdict: 'fail',
      found: 'rank correlation none, all scores are equal with 5 labelled answers; 4 differ by more than 25 %',
    })
  })

  it('cause a warning if there are too few of them', async () => {
    expect(await found(numeric, labelled({ '1': 1, '0': 0 }), 'labelled answers')).toMatchObject({ verdict: 'warn' })
  })
})

describe('right answers', () => {
  it('are all answers that a person labelled as right; those that earn less are shown', async () => {
    const answers = { '1': 1, '1.0': 1, '0.99': 1, '0.98': 1, '0.97': 1, '0.6': 1, '0.3': 0.3 }
    expect(await found(numeric, labelled(answers), 'right answers')).toMatchObject({
      verdict: 'warn',
      found: 'right answers earn 92 % on average; 1 of 6 earn less than 90 %',
      examples: [{ output: '"0.6"', earned: 0.6 }],
    })
  })

  it('fail a grader that does not pay for them', async () => {
    expect(await found(numeric, labelled({ yes: 1, '0.5': 1 }), 'right answers')).toMatchObject({
      verdict: 'fail',
      found: 'right answers earn 25 % on average',
      examples: [{ output: '"yes"', earned: 0 }, { output: '"0.5"' }],
    })
  })
})

describe('one answer for all items', () => {
  it('gets a warning if it is right for more than half of the items', () => {
    expect(oneForAll(['yes', 'no', 'yes', undefined])).toMatchObject({
      verdict: 'warn',
      found: 'the most common right answer, "yes", is right for 67 % of the items',
    })
    expect(oneForAll(['yes', 'no']).verdict).toBe('pass')
    expect(oneForAll(['yes']).verdict).toBe('warn')
  })
})

describe('calls with outputs that no tool gave', () => {
  it('say nothing about a grader that cannot read them', async () => {
    const output = z.object({ seconds: z.number() })
    const grader = defineGrader({
      name: 'measures',
      version: '1',
      grade: ({ trajectory }) =>
        Math.min(
          1,
          ...trajectory
            .filter(({ tool }) => tool === 'measure')
            .map((call) => output.parse(JSON.parse(call.output)).seconds),
        ),
    })
    const trajectory = [{ tool: 'measure', arguments: { of: 'all' }, output: '{"seconds":1}' }]
    const row = { item: { id: 'one' }, answers: [{ output_text: 'x', label: 1, trajectory }] }
    expect((await found(grader, [row], 'faults'))?.verdict).toBe('pass')
  })
})

describe('items', () => {
  it('that cannot be graded cause a warning, and a failure if none can be graded', async () => {
    const [good, bad] = [{ question: 'What?', answer: '7' }, { question: 'What?' }]
    expect(await found(badGraders.strict, [good, bad], 'faults')).toMatchObject({
      verdict: 'warn',
      found: expect.stringMatching(/^1 items cannot be graded: .*answer/),
    })
    expect(await found(badGraders.strict, [bad], 'faults')).toMatchObject({
      verdict: 'fail',
      found: expect.stringMatching(/^no item could be graded: .*answer/),
    })
  })
})
