import type { Grader } from '../../../src/kit/define-grader.ts'
import { type Judge, noJudge } from '../../../src/kit/judge.ts'
import type { Sandbox } from '../../../src/kit/sandboxes.ts'
import type { TrajectoryCall } from '../../../src/kit/trajectory.ts'
import { open } from '../../../test/support/app.ts'

/** Further options of {@link grade}. */
export interface GradingSettings {
  /** The rollout's state as it was stored; null for none. */
  readonly stored?: unknown
  readonly judge?: Judge
  readonly sandboxes?: Readonly<Record<string, Sandbox>>
}

/** Grades an answer with a grader that does not use the database; no connection is opened. */
export async function grade(
  grader: Grader,
  item: unknown,
  output: string,
  trajectory: readonly TrajectoryCall[] = [],
  { stored = null, judge = noJudge, sandboxes = {} }: GradingSettings = {},
) {
  const opened = grader.open(item)
  if (!opened.fits) throw new Error(opened.message)
  const { db } = open('postgres://nobody@127.0.0.1:1/none', 1)
  const { signal } = new AbortController()
  const sample = { output_text: output }
  return await opened.run({
    sample,
    trajectory,
    stored,
    run: 'test',
    rolloutId: 'r',
    db,
    embed: undefined,
    judge: (question) => judge(question, signal),
    sandboxes,
    signal,
  })
}

/** A call as tests write it. */
export interface ShortCall {
  readonly tool: string
  readonly arguments: unknown
  readonly output?: string | undefined
  readonly outcome?: TrajectoryCall['outcome'] | undefined
}

/** The trajectory of these calls; by default each was successful. */
export function trajectoryOf(calls: readonly ShortCall[]): TrajectoryCall[] {
  const at = new Date('2026-01-01T00:00:00Z')
  return calls.map(({ tool, arguments: given, output = '', outcome = 'ok' }, index) => ({
    seq: index + 1,
    callId: `call_${index + 1}`,
    tool,
    arguments: given,
    output,
    outcome,
    code: null,
    execution: 1,
    startedAt: at,
    finishedAt: at,
  }))
}

/** A successful call of a trajectory. */
export const call = (tool: string, args: unknown, output = 'ok'): TrajectoryCall => ({
  seq: 1,
  callId: 'c',
  tool,
  arguments: args,
  output,
  outcome: 'ok',
  code: null,
  execution: 1,
  startedAt: new Date(0),
  finishedAt: new Date(0),
})
