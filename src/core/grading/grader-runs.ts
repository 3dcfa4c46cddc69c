import { type SharedSignal, withDeadline } from '../../base/deadline.ts'
import { RequestError } from '../../kit/errors.ts'
import type { OpenAiGrader } from '../../runtime/openai-graders/check-grader.ts'
import type { Graded } from '../../runtime/openai-graders/graded.ts'
import { runGrader } from '../../runtime/openai-graders/run-grader.ts'
import type { Runners } from '../../runtime/openai-graders/runners.ts'
import { completeSample } from '../../runtime/openai-graders/sample.ts'
import { pathHere, unnamedServer } from '../../runtime/outbound/addresses.ts'
import { createAnswerTimeout } from '../answer-timeout.ts'
import { type SettlingSettings, settledRollout } from '../calls/settled.ts'
import { failureOf } from '../failure.ts'

/** A grader in OpenAI's format, and what it grades. */
export interface GraderRunRequest {
  readonly run: string
  readonly grader: OpenAiGrader
  readonly sample: Readonly<Record<string, unknown>>
  readonly item: unknown
  /** The recorded rollout whose trajectory the grader sees; undefined for none. */
  readonly rolloutId: string | undefined
  /** The addresses of this server, the one that the caller used included: it calls itself in-process. */
  readonly reachedAt: readonly string[]
}

/** What {@link createGraderRuns} needs. */
export interface GraderRunsSettings extends SettlingSettings {
  readonly runners: Runners
  /** How long the grader may run, in seconds. */
  readonly graderSeconds: number
  /** How long a run may take altogether, waiting for the rollout included, in seconds. */
  readonly answerSeconds: number
  /** Aborted when the server stops and running work must end. */
  readonly stopping: SharedSignal
}

/** The verb "run a grader that came with the request". */
export interface GraderRuns {
  /**
   * Runs it once and records nothing. Throws a `RequestError`, 5xx: if the rollout is ungradable, if the time is up, if a
   * runner fails. `seconds` is how long the grader itself took.
   */
  run(request: GraderRunRequest): Promise<{ readonly graded: Graded; readonly seconds: number }>
}

/** Creates the verb "run a grader that came with the request". */
export function createGraderRuns(settings: GraderRunsSettings): GraderRuns {
  const { runners, graderSeconds, stopping } = settings
  const answerInTime = createAnswerTimeout(settings.answerSeconds, stopping)
  return {
    async run({ run, grader, sample, item, rolloutId, reachedAt }) {
      const content: unknown[] = [item, sample]
      try {
        const unanswered = () =>
          new RequestError(503, 'answer_timed_out', 'the rollout could not be read in time; try again')
        const rollout =
          rolloutId === undefined
            ? undefined
            : await answerInTime(unanswered, settledRollout(settings, { run, rolloutId }))
        const complete = completeSample(sample, rollout?.trajectory)
        content.push(complete)
        const late = () => new RequestError(504, 'grader_timed_out', `the grader took longer than ${graderSeconds} s`)
        const began = performance.now()
        const graded = await withDeadline({ seconds: graderSeconds, late, shared: stopping }, (signal) =>
          runGrader(grader, { item, sample: complete, run, rolloutId }, askingHere(reachedAt, runners), signal),
        )
        return { graded, seconds: (performance.now() - began) / 1000 }
      } catch (error) {
        const otherwise = { code: 'grader_failed', message: 'the grader could not be run; try again' }
        throw failureOf(error, { rollout: rolloutId, grader: grader.type }, otherwise, content)
      }
    },
  }
}

/** The runners, with this server's addresses recognized under every name by which the caller knows it. */
function askingHere(bases: readonly string[], runners: Runners): Runners {
  const { endpoint } = runners
  if (endpoint === undefined) return runners
  return {
    ...runners,
    endpoint: (grader, subject, signal) => {
      const path = pathHere(grader.url, bases)
      return endpoint(path === undefined ? grader : { ...grader, url: `${unnamedServer}${path}` }, subject, signal)
    },
  }
}
