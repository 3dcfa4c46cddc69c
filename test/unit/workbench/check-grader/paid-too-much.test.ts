import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineEnvironment } from '../../../../src/kit/define.ts'
import type { Grader } from '../../../../src/kit/define-grader.ts'
import { expectGrader, GraderCheckError } from '../../../../src/workbench/check-grader/expect-grader.ts'
import { badGraders, items } from '../../../support/check-grader/bad-graders.ts'
import { editedFiles } from '../../../support/check-grader/paid-too-much/edited-files.ts'
import { facts } from '../../../support/check-grader/paid-too-much/facts.ts'
import { kernelSpeedup } from '../../../support/check-grader/paid-too-much/kernel-speedup.ts'
import { medicalCodes } from '../../../support/check-grader/paid-too-much/medical-codes.ts'
import { retailPolicy } from '../../../support/check-grader/paid-too-much/retail-policy.ts'

const folder = new URL('../../../support/check-grader/paid-too-much/', import.meta.url)
const itemsOf = ({ name }: Grader): unknown[] =>
  readFileSync(new URL(`${name}.items.jsonl`, folder), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))

/** What each failed check found. */
async function failuresOf(grader: Grader, rows: readonly unknown[], tools: Tools = []) {
  const error = await expectGrader(grader, { items: rows, tools })
    .toPass()
    .catch((caught: unknown) => caught)
  if (!(error instanceof GraderCheckError)) return {}
  const failed = error.findings.filter(({ verdict }) => verdict === 'fail')
  return Object.fromEntries(failed.map(({ check, found }) => [check, found]))
}
type Tools = NonNullable<Parameters<typeof expectGrader>[1]['tools']>

describe('a grader that pays too much fails its check, by the attack that it pays for:', () => {
  it.each<readonly [string, Grader, string, readonly string[]]>([
    ['all phrases, and denials', facts, 'degenerate answers', ['all phrases of the dataset', 'a denial']],
    ['words without an action', retailPolicy, 'degenerate answers', ['all phrases of the dataset', 'a denial']],
    [
      'unnecessary calls',
      retailPolicy,
      'altered calls',
      ['the expected calls with extra arguments', 'one that undoes each', 'a harmful one'],
    ],
    [
      'code that cheats',
      kernelSpeedup,
      'tampered code',
      [
        '__getattribute__',
        'under an alias',
        'an annotated assignment',
        'a tuple assignment',
        'a for loop',
        '__setattr__',
        'a ready-made layer',
        'a default argument',
        'an attribute of a function',
      ],
    ],
    ['three times as many codes', medicalCodes, 'guesses', ['a list three times as long as the right one']],
    ['three times as many files', editedFiles, 'guesses', ['a list three times as long as the right one']],
    [
      'whatever is close to a small number',
      badGraders.absoluteTolerance,
      'near misses',
      ['the nearest round number, of a short label'],
    ],
  ])('%s', async (_, grader, check, attacks) => {
    const rows = Object.values(badGraders).includes(grader) ? items : itemsOf(grader)
    const failures = await failuresOf(grader, rows)
    expect(failures[check] ?? '').toSatisfy((found: string) => attacks.every((attack) => found.includes(attack)), check)
  })
})

const call = z.object({ tool: z.string(), arguments: z.record(z.string(), z.unknown()) })
const { defineGrader } = defineEnvironment({
  task: z.object({ request: z.string() }),
  reference: z.object({ expected: z.array(call).default([]), words: z.string().default('') }),
  state: z.object({}),
})
const refund = { tool: 'refund', arguments: { order: 17 } }
const labelled = (item: Readonly<Record<string, unknown>>, trajectory: readonly unknown[]) =>
  [1, 2, 3].map((n) => ({
    item: { request: `Refund order ${n}, please.`, ...item },
    answers: [
      { output_text: 'Done, as you asked.', label: 1, trajectory },
      { output_text: '', label: 0 },
    ],
  }))

describe('altered calls are tried only where they can do harm:', () => {
  /** Pays for each expected call, whatever its other arguments and whatever else is called. */
  const lenient = defineGrader({
    name: 'lenient',
    version: '1',
    grade: ({ trajectory, reference }) =>
      Number(
        reference.expected.length > 0 &&
          reference.expected.every(({ tool }) => trajectory.some((one) => one.tool === tool)),
      ),
  })
  const tools = (properties: Readonly<Record<string, unknown>>): Tools => [
    { name: 'refund', parameters: { type: 'object', properties, required: ['order'] } },
  ]
  const rows = labelled({ expected: [refund] }, [refund])

  it('a tool with a known schema is not called with arguments that it does not take', async () => {
    expect((await failuresOf(lenient, rows, tools({ order: {} })))['altered calls']).toBeUndefined()
    expect((await failuresOf(lenient, rows, tools({ order: {}, to: {} })))['altered calls']).toContain(
      'extra arguments',
    )
  })

  it('a grader that does not look at calls is not blamed for them', async () => {
    const byText = defineGrader({
      name: 'by-text',
      version: '1',
      grade: ({ sample }) => Number(sample.output_text === 'Done, as you asked.'),
    })
    expect(await failuresOf(byText, rows)).toEqual({})
  })

  it('an item that does not say which calls are expected has none to alter', async () => {
    const anyCall = defineGrader({
      name: 'any-call',
      version: '1',
      grade: ({ sample, trajectory }) =>
        Number(sample.output_text === 'Done, as you asked.' && trajectory.some(({ tool }) => tool === 'refund')),
    })
    expect((await failuresOf(anyCall, labelled({}, [refund])))['altered calls']).toBeUndefined()
  })
})

describe('lists of guesses', () => {
  it('are not tried where the right answer is not a list of the item', async () => {
    const recall = defineGrader({
      name: 'words',
      version: '1',
      grade: ({ sample }) => Number(sample.output_text === 'Done, as you asked.'),
    })
    const findings = await expectGrader(recall, { items: labelled({ names: ['Anna', 'Ben'] }, []) }).toPass()
    expect(findings.map(({ check }) => check)).not.toContain('guesses')
  })
})
