import { withDeadline } from '../../base/deadline.ts'
import { stringifyExactly } from '../../base/exact-json.ts'
import { checkedGrade } from '../../core/grading/checked-grade.ts'
import type { Grader, GraderContext } from '../../kit/define-grader.ts'
import type { Db } from '../../kit/environment.ts'
import { RequestError, UngradableError } from '../../kit/errors.ts'
import { noJudge } from '../../kit/judge.ts'
import type { TrajectoryCall } from '../../kit/trajectory.ts'
import { openDatabase } from '../../postgres/database.ts'
import type { SketchedCall } from './rows.ts'
import type { OpenTrialSandboxes, TrialSandboxes } from './trial-sandboxes.ts'

/** The services that a grader may use. */
export type CheckServices = Pick<GraderContext<never, never, never>, 'db' | 'embed'> & {
  readonly judge: (
    question: Parameters<GraderContext<never, never, never>['judge']>[0],
    signal: AbortSignal,
  ) => ReturnType<GraderContext<never, never, never>['judge']>
  /** Makes the calls of an answer in a rollout of its own; undefined if calls are only described to the grader. */
  readonly play?: Play | undefined
  /** The sandboxes for graders that name some, or the reason why none can be opened. */
  readonly sandboxes?: TrialSandboxes | string | undefined
}

/** Makes calls in a new rollout, for real. Never throws for what a call does. */
export type Play = (item: unknown, calls: readonly SketchedCall[]) => Promise<PlayedRollout>

/** A rollout as the grader sees it. */
export interface PlayedRollout {
  readonly rolloutId: string
  readonly trajectory: readonly TrajectoryCall[]
  /** The stored state; null before the first change. */
  readonly state: unknown
  /** The database that the grader uses; by default that of the services. */
  readonly db?: Db
}

/** Services without a judge and with a database that every query fails on. */
export function noServices(): CheckServices {
  const { db } = openDatabase({ url: 'postgres://unused@127.0.0.1:1/none', poolSize: 1 })
  return { db, embed: undefined, judge: noJudge }
}

/** An answer that is tried. */
export interface TriedAnswer {
  readonly output: string
  readonly calls?: readonly SketchedCall[]
  readonly state?: unknown
}

/** The result of trying an answer. */
export type Tried =
  | {
      readonly kind: 'scored'
      readonly score: number
      /** The position of the score between the least, 0, and the greatest, 1. */
      readonly share: number
      readonly reason: string | null
      readonly ms: number
    }
  /** The item does not fit the environment, or cannot be graded. */
  | { readonly kind: 'misfit'; readonly message: string }
  /** Something that the grader calls does not answer, which is not the grader's fault. */
  | { readonly kind: 'ungradable'; readonly message: string }
  /** The grader threw, timed out, or did not return a valid score. */
  | { readonly kind: 'failed'; readonly message: string }

/** Grades an answer to an item as the server would. Never throws. */
export async function tryAnswer(
  grader: Grader,
  item: unknown,
  { output, calls = [], state }: TriedAnswer,
  services: CheckServices,
): Promise<Tried> {
  const opened = grader.open(item)
  if (!opened.fits) return { kind: 'misfit', message: opened.message }
  const seconds = grader.timeoutSeconds ?? graderSeconds
  const late = () => new RequestError(504, 'grader_timed_out', `it took longer than ${seconds} s`)
  const began = performance.now()
  let sandboxes: OpenTrialSandboxes | undefined
  try {
    sandboxes = sandboxesFor(grader, item, services)
    const rollout = await (services.play?.(item, calls) ?? described(calls))
    const grade = await withDeadline({ seconds, late }, (signal) =>
      opened.run({
        run: 'grader-check',
        rolloutId: rollout.rolloutId,
        sample: { output_text: output, output_json: readJson(output), output_tools: toolsOf(calls), choices: [] },
        trajectory: rollout.trajectory,
        stored: rollout.state ?? state ?? null,
        db: rollout.db ?? services.db,
        embed: services.embed,
        judge: (question) => services.judge(question, signal),
        ...(sandboxes && { sandboxes: sandboxes.handles(signal) }),
        signal,
      }),
    )
    const ms = performance.now() - began
    const { score, reason } = checkedGrade(grade, grader)
    return { kind: 'scored', score, share: shareOf(score, grader), reason, ms }
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    if (error instanceof UngradableError) return { kind: 'ungradable', message }
    if (error instanceof RequestError && error.status === 422) return { kind: 'misfit', message }
    return { kind: 'failed', message }
  } finally {
    await sandboxes?.close()
  }
}

function sandboxesFor(
  { sandboxPlans: plans = [] }: Grader,
  item: unknown,
  { sandboxes }: CheckServices,
): OpenTrialSandboxes | undefined {
  if (plans.length === 0) return undefined
  if (sandboxes !== undefined && typeof sandboxes !== 'string') return sandboxes.open(plans, item)
  const names = plans.map(({ name }) => name).join(', ')
  const reason = sandboxes ?? 'none can be opened here'
  throw new UngradableError(500, 'no_sandbox', `the grader uses sandboxes (${names}): ${reason}`)
}

/** The timeout of a grader without one of its own, in seconds: shorter than the server's, because many answers are tried. */
const graderSeconds = 60

/** The position of a score in a grader's range, from 0 to 1; [0, 1] is used for a range without bounds. */
export function shareOf(score: number, { range }: Pick<Grader, 'range'>): number {
  const [least, most] = range.map((end, at) => (Number.isFinite(end) && Math.abs(end) < 1e300 ? end : at))
  return (score - (least ?? 0)) / ((most ?? 1) - (least ?? 0))
}

/** A rollout whose calls are described and were not made. */
const described = (calls: readonly SketchedCall[]): PlayedRollout => ({
  rolloutId: 'check',
  trajectory: calls.map(describedCall),
  state: null,
})

const epoch = Date.UTC(2026, 0, 1)

/** A described call as the ledger would have recorded it. */
export function describedCall({ tool, arguments: args, output, outcome }: SketchedCall, at: number): TrajectoryCall {
  const [startedAt, finishedAt] = [new Date(epoch + at * 1_000), new Date(epoch + at * 1_000 + 500)]
  const code = outcome === 'ok' ? null : 'refused'
  return {
    seq: at + 1,
    callId: `call_${at + 1}`,
    tool,
    arguments: args,
    output,
    outcome,
    code,
    execution: 1,
    startedAt,
    finishedAt,
  }
}

const toolsOf = (calls: readonly SketchedCall[]) =>
  calls.map(({ tool, arguments: args }, at) => ({
    id: `call_${at + 1}`,
    type: 'function',
    function: { name: tool, arguments: stringifyExactly(args) },
  }))

function readJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
