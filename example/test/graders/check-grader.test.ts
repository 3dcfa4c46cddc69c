import { readdirSync, readFileSync } from 'node:fs'
import { beforeAll, describe, expect, it } from 'vitest'
import { finqa } from '../../../graders/finqa.ts'
import type { Grader } from '../../../src/kit/define-grader.ts'
import { readJsonGraders } from '../../../src/runtime/openai-graders/read-json-graders.ts'
import { loadConfig } from '../../../src/server/config/config.ts'
import { expectGrader } from '../../../src/workbench/check-grader/expect-grader.ts'
import { openTrialSandboxes } from '../../../src/workbench/check-grader/trial-sandboxes.ts'
import { noServices } from '../../../src/workbench/check-grader/try-answer.ts'
import { servedGraders } from '../../../src/workbench/regrade/services.ts'
import { serving } from '../../../test/support/judge/serving.ts'
import { countdown } from '../../graders/countdown.ts'
import { editedFiles } from '../../graders/edited-files.ts'
import { facts } from '../../graders/facts.ts'
import { kernelSpeedup } from '../../graders/kernel-speedup.ts'
import { medicalCodes } from '../../graders/medical-codes.ts'
import { retailPolicy } from '../../graders/retail-policy.ts'
import { rubric } from '../../graders/rubric.ts'
import { bySigns, judging } from '../support/rubric-judge.ts'

const folder = new URL('../../graders/', import.meta.url)
const own = new URL('../../../graders/', import.meta.url)
const serve = serving()
const itemsOf = (name: string): unknown[] =>
  readFileSync(new URL(`${name}.items.jsonl`, name === 'finqa' ? own : folder), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))

const json = servedGraders(loadConfig({}), [], readJsonGraders(folder), () => {})
/** The graders that do not use a judge. */
const shipped: Readonly<Record<string, Grader>> = {
  finqa,
  countdown: countdown,
  'edited-files': editedFiles,
  facts: facts,
  'kernel-speedup': kernelSpeedup,
  'medical-codes': medicalCodes,
  'retail-policy': retailPolicy,
  ...Object.fromEntries(json.map((grader) => [grader.name, grader])),
}

describe('a shipped grader passes its check, labelled answers included:', () => {
  let sandboxes: Awaited<ReturnType<typeof openTrialSandboxes>>
  beforeAll(async () => {
    sandboxes = await openTrialSandboxes(kernelSpeedup)
    if (typeof sandboxes === 'object') await sandboxes.close()
  })

  it.for(Object.entries(shipped))('%s', { timeout: 240_000 }, async ([name, grader], { skip }) => {
    if (typeof sandboxes === 'string' && grader.sandboxes?.length) return skip(sandboxes)
    const findings = await expectGrader(grader, { items: itemsOf(name) }).toPass()
    const labelled = findings.find(({ check }) => check === 'labelled answers')
    expect(labelled?.verdict).toBe('pass')
  })

  it('covers every shipped grader', () => {
    const files = [own, folder].flatMap((place) => readdirSync(place))
    const graders = files.filter((file) => /\.(?:ts|json)$/.test(file) && file !== 'index.ts')
    const names = graders.map((file) => file.replace(/\.\w+$/, ''))
    expect(names.sort()).toEqual([...Object.keys(shipped), 'rubric'].sort())
  })

  it('rubric, with a judge that matches words', async () => {
    const { judge } = await serve(judging(bySigns))
    await expectGrader(rubric, { items: itemsOf('rubric'), services: { ...noServices(), judge } }).toPass()
  })
})

describe('a grader that asks a judge', () => {
  it('fails its check if no judge is configured', async () => {
    const check = expectGrader(rubric, { items: itemsOf('rubric') }).toPass()
    await expect(check).rejects.toThrow(
      'right answers could not be judged: the grader asks a judge, but none is configured; set JUDGE_URL',
    )
  })
})
