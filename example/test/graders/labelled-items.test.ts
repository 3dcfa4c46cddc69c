import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { finqa } from '../../../graders/finqa.ts'
import type { Grader } from '../../../src/kit/define-grader.ts'
import { openTrialSandboxes } from '../../../src/workbench/check-grader/trial-sandboxes.ts'
import { serving } from '../../../test/support/judge/serving.ts'
import { countdown } from '../../graders/countdown.ts'
import { editedFiles } from '../../graders/edited-files.ts'
import { facts } from '../../graders/facts.ts'
import { kernelSpeedup } from '../../graders/kernel-speedup.ts'
import { medicalCodes } from '../../graders/medical-codes.ts'
import { retailPolicy } from '../../graders/retail-policy.ts'
import { rubric } from '../../graders/rubric.ts'
import { grade, trajectoryOf } from '../support/grading.ts'
import { bySigns, judging } from '../support/rubric-judge.ts'

const serve = serving()

const shown: readonly (readonly [string, Grader])[] = [
  ['countdown', countdown],
  ['edited-files', editedFiles],
  ['facts', facts],
  ['kernel-speedup', kernelSpeedup],
  ['medical-codes', medicalCodes],
  ['retail-policy', retailPolicy],
  ['rubric', rubric],
]
/** The graders of `example/graders/` and `graders/`. */
const graders = [
  ...shown.map(([name, grader]) => ({
    name,
    grader,
    items: new URL(`../../graders/${name}.items.jsonl`, import.meta.url),
  })),
  { name: 'finqa', grader: finqa, items: new URL('../../../graders/finqa.items.jsonl', import.meta.url) },
]

const call = z.strictObject({ tool: z.string(), arguments: z.record(z.string(), z.unknown()), output: z.string() })

const row = z.strictObject({
  item: z.record(z.string(), z.unknown()),
  answers: z.array(
    z.strictObject({ output_text: z.string(), label: z.number(), trajectory: z.array(call).default([]) }),
  ),
})

const read = (file: URL) =>
  readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => row.parse(JSON.parse(line)))

describe.each(graders)('the labelled answers of $name', ({ grader, items }) => {
  const [least, most] = grader.range
  const share = (score: number) => (score - least) / (most - least)
  const rows = read(items)

  it('belong to at least eight items, each with right and wrong answers', () => {
    expect(rows.length).toBeGreaterThanOrEqual(8)
    for (const { answers } of rows) {
      const labels = answers.map(({ label }) => share(label))
      expect(Math.min(...labels)).toBe(0)
      expect(Math.max(...labels)).toBe(1)
    }
  })

  let opened: Awaited<ReturnType<typeof openTrialSandboxes>>
  beforeAll(async () => {
    opened = await openTrialSandboxes(grader)
  })
  afterAll(async () => {
    if (typeof opened === 'object') await opened.close()
  })

  it.for(rows.flatMap(({ item, answers }, at) => answers.map((answer) => ({ ...answer, item, line: at + 1 }))))(
    'of line $line are scored as a person would: $output_text ($label)',
    async (answer, { skip }) => {
      if (typeof opened === 'string') return skip(opened)
      const label = share(answer.label)
      const { judge } = await serve(judging(bySigns))
      const boxes = opened?.open(grader.sandboxPlans ?? [], answer.item)
      const sandboxes = boxes?.handles(new AbortController().signal) ?? {}
      const calls = trajectoryOf(answer.trajectory)
      const graded = await grade(grader, answer.item, answer.output_text, calls, { judge, sandboxes })
      await boxes?.close()
      const score = share(graded.score)
      if (label === 1) expect(score, graded.reason).toBeGreaterThanOrEqual(0.9)
      else if (label === 0) expect(score, graded.reason).toBeLessThanOrEqual(0.1)
      else expect(Math.abs(score - label), `${graded.reason}: ${score}`).toBeLessThanOrEqual(0.3)
    },
  )
})
