import { describe, expect, it } from 'vitest'
import type { Grader } from '../../../../src/kit/define-grader.ts'
import { expectGrader, GraderCheckError } from '../../../../src/workbench/check-grader/expect-grader.ts'
import { badGraders, items } from '../../../support/check-grader/bad-graders.ts'

/** The checks that a grader fails, with what was found. */
async function failuresOf(grader: Grader): Promise<Readonly<Record<string, string>>> {
  const error = await expectGrader(grader, { items })
    .toPass()
    .catch((caught: unknown) => caught)
  if (!(error instanceof GraderCheckError)) return {}
  const failed = error.findings.filter(({ verdict }) => verdict === 'fail')
  for (const { found } of failed) expect(error.message).toContain(found)
  return Object.fromEntries(failed.map(({ check, found }) => [check, found]))
}

describe('a bad grader fails its check for the reason that it has:', () => {
  it.each([
    [
      'a contains-match, by an answer that lists everything',
      badGraders.containsMatch,
      'degenerate answers',
      'a list of many answers, the right one among them earns 100 %',
    ],
    [
      'an absolute tolerance, by a number that is near and wrong',
      badGraders.absoluteTolerance,
      'near misses',
      'a small number',
    ],
    [
      'one that counts calls, by calls that do nothing',
      badGraders.countsCalls,
      'degenerate trajectories',
      'earns 50 %',
    ],
    [
      'one that reads its score from text, by a verdict in the answer',
      badGraders.trustsTheText,
      'degenerate answers',
      'a verdict in the answer earns 100 %',
    ],
    [
      'a random one, by the same grading twice',
      badGraders.random,
      'the same twice',
      'repeated gradings gave another score',
    ],
    ['one that gives NaN', badGraders.notANumber, 'faults', 'gave NaN, which is not a score'],
    ['one that leaves its range', badGraders.outOfRange, 'faults', 'gave -0.5, outside its range [0, 1]'],
    [
      'one that pays for length, by a wall of text',
      badGraders.rewardsLength,
      'degenerate answers',
      'a wall of text earns 100 %',
    ],
    [
      'one that pays for any answer that is not far off, by an answer that is not a number',
      badGraders.notFarOff,
      'degenerate answers',
      '"NaN", 100 %',
    ],
  ] as const)('%s', async (_, grader, check, found) => {
    const failures = await failuresOf(grader)
    expect(failures[check]).toContain(found)
  })
})

describe('a strict grader', () => {
  it('passes, with a warning about the formats in which a right answer earns nothing', async () => {
    const findings = await expectGrader(badGraders.strict, { items }).toPass()
    const formats = findings.find(({ check }) => check === 'formats')
    expect(formats?.verdict).toBe('warn')
    expect(formats?.found).toContain('in bold, 0 %')
  })
})

describe('a grader that scores nothing', () => {
  it('fails, and no check passes for lack of scores', async () => {
    const answerless = items.map(({ question }) => ({ question, answer: 'none' }))
    const error = await expectGrader(badGraders.throwing, { items: answerless })
      .toPass()
      .catch((caught: unknown) => caught)
    if (!(error instanceof GraderCheckError)) throw new Error('the check passed')
    const verdicts = Object.fromEntries(error.findings.map(({ check, verdict }) => [check, verdict]))
    expect(verdicts['faults']).toBe('fail')
    expect(Object.values(verdicts)).not.toContain('pass')
    expect(error.message).toContain('answers got no score: out of order')
  })
})
