import { withDeadline } from '../../base/deadline.ts'
import { checkedGrade } from '../../core/checked-grade.ts'
import type { Grader, GraderContext } from '../../kit/define-grader.ts'
import { RequestError, UngradableError } from '../../kit/errors.ts'
import type { SketchedCall } from './rows.ts'

/** What a grader may ask beside what it is given. */
export type CheckServices = Pick<GraderContext<never, never, never>, 'db' | 'embed'> & {
  readonly judge: (
    question: Parameters<GraderContext<never, never, never>['judge']>[0],
    signal: AbortSignal,
  ) => ReturnType<GraderContext<never, never, never>['judge']>
}

/** An answer that is tried. */
export interface TriedAnswer {
  readonly output: string
  readonly calls?: readonly SketchedCall[]
  readonly state?: unknown
}

/** What came of it. */
export type Tried =
  | {
      readonly kind: 'scored'
      readonly score: number
      /** Where the score lies between the least, 0, and the greatest, 1. */
      readonly share: number
      readonly reason: string | null
      readonly ms: number
    }
  /** The item does not fit, or cannot be graded by anybody. */
  | { readonly kind: 'misfit'; readonly message: string }
  /** Somebody who was asked does not answer: nothing can be said of the grader. */
  | { readonly kind: 'ungradable'; readonly message: string }
  /** The grader threw, was late, or gave what is no score. */
  | { readonly kind: 'failed'; readonly message: string }

/** Has a grader grade an answer to an item, as the server would, and says what came of it. Never throws. */
export async function tryAnswer(
  grader: Grader,
  item: unknown,
  { output, calls = [], state = null }: TriedAnswer,
  services: CheckServices,
): Promise<Tried> {
  const opened = grader.open(item)
  if (!opened.fits) return { kind: 'misfit', message: opened.message }
  const seconds = grader.timeoutSeconds ?? graderSeconds
  const late = () => new RequestError(504, 'grader_timed_out', `it took longer than ${seconds} s`)
  const began = performance.now()
  try {
    const grade = await withDeadline({ seconds, late }, (signal) =>
      opened.run({
        rolloutId: 'check',
        sample: { output_text: output, output_json: readJson(output), output_tools: toolsOf(calls), choices: [] },
        trajectory: calls.map(recorded),
        stored: state,
        db: services.db,
        embed: services.embed,
        judge: (question) => services.judge(question, signal),
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
  }
}

/** How long a grader may run that does not say so itself, in seconds: less patient than the server, since many are tried. */
const graderSeconds = 60

/** Where a score lies in a grader's range, from 0 to 1; of a range without ends, [0, 1] is what counts. */
export function shareOf(score: number, { range }: Pick<Grader, 'range'>): number {
  const [least, most] = range.map((end, at) => (Number.isFinite(end) && Math.abs(end) < 1e300 ? end : at))
  return (score - (least ?? 0)) / ((most ?? 1) - (least ?? 0))
}

const epoch = Date.UTC(2026, 0, 1)

function recorded({ tool, arguments: args, output, outcome }: SketchedCall, at: number) {
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
    attempt: 1,
    startedAt,
    finishedAt,
  }
}

const toolsOf = (calls: readonly SketchedCall[]) =>
  calls.map(({ tool, arguments: args }, at) => ({
    ...{ id: `call_${at + 1}`, type: 'function', function: { name: tool, arguments: JSON.stringify(args) } },
  }))

function readJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
