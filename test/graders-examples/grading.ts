import type { Grader } from '../../src/define-grader.ts'
import { noJudge } from '../../src/judge/question.ts'
import type { TrajectoryCall } from '../../src/trajectory.ts'
import { open } from '../support/app.ts'

/** Grades an answer to an item with a grader that asks no database: the connection is never opened. */
export async function grade(grader: Grader, item: unknown, output: string, trajectory: readonly TrajectoryCall[] = []) {
  const opened = grader.open(item)
  if (!opened.fits) throw new Error(opened.message)
  const { db } = open('postgres://nobody@127.0.0.1:1/none', 1)
  const { signal } = new AbortController()
  const sample = { output_text: output }
  return await opened.run({
    sample,
    trajectory,
    stored: null,
    rolloutId: 'r',
    db,
    embed: undefined,
    judge: (question) => noJudge(question, signal),
    signal,
  })
}
