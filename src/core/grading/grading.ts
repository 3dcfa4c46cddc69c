import { randomUUID } from 'node:crypto'
import { type SharedSignal, withDeadline } from '../../base/deadline.ts'
import { contentHash } from '../../base/json.ts'
import type { Log } from '../../base/log.ts'
import { shorten } from '../../base/text.ts'
import type { Grader, Sample } from '../../kit/define-grader.ts'
import type { Db, Embed } from '../../kit/environment.ts'
import { RequestError, UngradableError } from '../../kit/errors.ts'
import type { Judge } from '../../kit/judge.ts'
import { type Attempt, ItemMismatchError, placeOf, type RolloutKey } from '../../ledger/attempt.ts'
import type { GradingIdentity, StoredScore } from '../../ledger/gradings/grading-lookup.ts'
import type { GradingRecord } from '../../ledger/gradings/gradings.ts'
import type { Ledger } from '../../ledger/ledger.ts'
import type { RowScope } from '../../postgres/scoped-db.ts'
import { createAnswerTimeout } from '../answer-timeout.ts'
import type { Begin } from '../begin.ts'
import { databaseOf } from '../calls/run-tool.ts'
import { settled } from '../calls/settled.ts'
import { createSingleFlight } from '../calls/single-flight.ts'
import { failureOf } from '../failure.ts'
import type { Observer } from '../observer.ts'
import type { Sandboxes } from '../sandboxes/sandboxes.ts'
import { checkedGrade } from './checked-grade.ts'

/** A grading request, independent of the wire. */
export interface GradingRequest {
  readonly run: string
  /** The protocol of the request and the name of the caller's key, recorded with a new attempt. */
  readonly wire?: string
  readonly key?: string
  /** The trainer's id of the rollout; a new one is generated if it is missing. */
  readonly rolloutId: string | undefined
  /** The grader's name; the first grader if it is missing. */
  readonly grader: string | undefined
  readonly sample: Sample
  /** The dataset row, the reference included. */
  readonly item: unknown
  /** The {@link contentHash} of each, if it is already known. */
  readonly itemHash?: string
  readonly sampleHash?: string
  /** The number of the attempt, on wires with sessions; by default the ledger finds it. */
  readonly attempt?: number
  /**
   * Whether the attempt has one score: a sample other than the first that was scored is a 409 `rollout_graded`. For wires on
   * which the model itself asks for the grading, and would try again with another answer.
   */
  readonly isFinal?: boolean
}

/** What {@link createGrading} needs. */
export interface GradingSettings {
  readonly ledger: Ledger
  readonly db: Db
  readonly embed: Embed | undefined
  readonly judge: Judge
  readonly graders: ReadonlyMap<string, Grader>
  readonly log: Log
  /** Whether a call of this rollout runs in this process, or waits to be recorded as failed. */
  readonly isBusy: (rollout: RolloutKey) => boolean
  /** Aborted when the server stops and running work must end. */
  readonly stopping: SharedSignal
  /** How long a grader may run that sets no time of its own, in seconds. */
  readonly graderSeconds: number
  /** How long a grading waits for calls that still run, in seconds. */
  readonly waitSeconds: number
  /** Begins an attempt that has no call yet; undefined in environments that need no beginning. */
  readonly begin?: Begin | undefined
  /** The scope of the rollout tables; undefined in environments without any. */
  readonly rows?: RowScope | undefined
  /** The sandboxes of rollouts; undefined in environments without any. */
  readonly sandboxes?: Sandboxes | undefined
  /** Whether attempts hold something that their end releases: then none ends during its grading. */
  readonly isReleased?: boolean | undefined
  /** What is recorded of an item, if the environment redacts it. */
  readonly recordedItem?: ((item: unknown) => unknown) | undefined
  /** How long a grading may take altogether, in seconds: less than the trainer's own timeout. */
  readonly answerSeconds: number
  /** Is told of each grading. */
  readonly observer?: Observer | undefined
}

/** The answer to a grading. */
export interface GradingAnswer extends StoredScore {
  readonly rolloutId: string
}

/** The verb "grade a rollout". */
export interface Grading {
  /**
   * Resolves with the rollout's score, a finite number, its parts and its reason; with the stored ones if this was graded
   * before. Throws a `RequestError`: 404 for an unknown grader, 409 for an attempt that has ended or has its only score, 422
   * for an item that does not fit, 5xx when there can be no score, so that the trainer discards the rollout instead of learning
   * from a zero.
   */
  grade(request: GradingRequest): Promise<GradingAnswer>
}

/** Creates the verb "grade a rollout". */
export function createGrading(settings: GradingSettings): Grading {
  const { ledger, graders, log, observer } = settings
  const singleFlight = createSingleFlight<StoredScore>()
  // Past the time in which it is answered, because a grader that is abandoned runs on for a while.
  const hold = (attempt: Pick<Attempt, 'run' | 'number'>) => ledger.holdAttempt(attempt, settings.answerSeconds + 60)
  const settling = settings.isReleased === true ? { ...settings, hold } : settings
  const answerInTime = createAnswerTimeout(settings.answerSeconds, settings.stopping)

  /** The sandboxes of a grading. Throws an `UngradableError` if the attempt has lost one. */
  const sandboxesOf = async (grader: Grader, request: Identified, rollout: number | undefined) => {
    const { sandboxes } = settings
    if (sandboxes === undefined || rollout === undefined) return undefined
    const { run, item, itemHash, sampleHash } = request
    await sandboxes.mustBeIntact(run, rollout)
    const work = ['grading', grader.name, sampleHash, itemHash]
    return sandboxes.use({ run, rollout, item, itemHash, work }, grader.sandboxes ?? [])
  }

  const score = async (grader: Grader, request: Identified): Promise<StoredScore> => {
    const { run, rolloutId, sampleHash, itemHash, item, sample, wire, key } = request
    const opened = grader.open(item, itemHash)
    if (!opened.fits) {
      throw new RequestError(422, 'item_misfit', `the item does not fit the environment: ${opened.message}`)
    }
    const began = performance.now()
    // Redacted where the grader's failure is logged.
    const content: unknown[] = [item, sample]
    const identity = { run, rolloutId, grader: grader.name, sampleHash, itemHash, number: request.attempt }
    const stored = () => (settings.recordedItem === undefined ? item : settings.recordedItem(item))
    let at: { readonly number: number | undefined; readonly attempt: number } | undefined
    const record = async (end: Ending): Promise<StoredScore | undefined> => {
      const durationMs = performance.now() - began
      const { number, attempt } = at ?? (await attemptOf(ledger, identity))
      const recorded = await ledger.recordGrading({
        run,
        rolloutId,
        number,
        attempt,
        grader: grader.name,
        version: grader.version,
        codeHash: grader.codeHash ?? null,
        sampleHash,
        sample,
        itemHash,
        item: stored(),
        outcome: end.outcome,
        score: end.score,
        parts: end.parts,
        reason: end.reason,
        code: end.code,
        durationMs,
        wire,
        key,
      })
      return recorded.stored
    }
    try {
      const found = await settled(settling, identity)
      if (found.stored !== undefined) {
        ledger.replays.add({ run, number: found.number }, 'gradings')
        observer?.graded(identity, 'scored', null, began, true, { ...found.stored, calls: undefined })
        return found.stored
      }
      at = found
      if (!found.begun && settings.begin !== undefined) {
        const rolloutToBegin = { run, rolloutId, itemHash, item: stored(), number: found.number, wire, key }
        at = await settings.begin({ ...rolloutToBegin, isPart: async () => true }, item)
      }
      const { number } = at
      const { rollout } = found
      content.push(rollout.state, ...rollout.trajectory.flatMap((call) => [call.arguments, call.output]))
      const boxes = await sandboxesOf(grader, request, number)
      const seconds = grader.timeoutSeconds ?? settings.graderSeconds
      const late = () => new RequestError(504, 'grader_timed_out', `the grader took longer than ${seconds} s`)
      const grade = await withDeadline({ seconds, late, shared: settings.stopping }, (signal) =>
        opened.run({
          run,
          rolloutId,
          sample,
          trajectory: rollout.trajectory,
          stored: rollout.state,
          db: databaseOf(settings, true, number),
          embed: settings.embed,
          judge: (question) => settings.judge(question, signal),
          signal,
          ...(boxes && { sandboxes: boxes.handles(() => signal) }),
        }),
      ).catch((error: unknown) => {
        throw boxes?.failure ?? error
      })
      boxes?.mustBeIntact()
      const scored = { outcome: 'scored', ...checkedGrade(grade, grader), code: null } as const
      const kept = (await record(scored)) ?? scored
      observer?.graded(identity, 'scored', null, began, false, { ...kept, calls: rollout.trajectory.length })
      return kept
    } catch (error) {
      // Nothing is recorded in an attempt that belongs to another item or has ended, or of an item that cannot be used.
      if (error instanceof ItemMismatchError || isCallersFault(error)) throw error
      const message = `the grader "${grader.name}" failed; try again`
      const facts = { run, rollout: rolloutId, grader: grader.name }
      const failure = failureOf(error, facts, { code: 'grader_failed', message }, content)
      const outcome = error instanceof UngradableError ? 'ungradable' : 'failed'
      const end = { outcome, score: null, parts: null, reason: failure.message, code: failure.code } as const
      observer?.graded(identity, outcome, failure.code, began, false)
      await record(end).catch((cause: unknown) => {
        log.error(
          { code: 'failure_not_recorded', run, rollout: rolloutId, cause },
          'a grading without score was not recorded',
        )
      })
      throw failure
    }
  }

  /** Throws if another sample was scored before this one in the attempt. */
  const mustBeFirst = async ({ run, attempt: number, isFinal, sampleHash }: Identified, grader: string) => {
    if (isFinal !== true || number === undefined) return
    const first = await ledger.findFirstSample({ run, number, grader })
    if (first === undefined || first === sampleHash) return
    throw new RequestError(409, 'rollout_graded', 'the rollout is graded, and has one score; begin another one')
  }

  return {
    async grade(request) {
      const grader = request.grader === undefined ? [...graders.values()][0] : graders.get(request.grader)
      if (grader === undefined) throw unknownGrader(request.grader, [...graders.keys()])
      const rolloutId = request.rolloutId ?? `rollout_${randomUUID()}`
      const { sample, item, sampleHash = contentHash(sample), itemHash = contentHash(item) } = request
      const hashes = { sampleHash, itemHash }
      const { run, attempt = null } = request
      const key = JSON.stringify([attempt, grader.name, hashes.sampleHash, hashes.itemHash])
      const { result } = singleFlight.join(`${run}/${rolloutId}`, key, async () => {
        const identified = { ...request, ...hashes, rolloutId }
        await mustBeFirst(identified, grader.name)
        const stored = await score(grader, identified)
        // Two samples may have been graded at once, also on two replicas.
        await mustBeFirst(identified, grader.name)
        return stored
      })
      const late = () => new RequestError(503, 'answer_timed_out', 'the grading was not answered in time; try again')
      try {
        const { score, parts, reason } = await answerInTime(late, result)
        return { rolloutId, score, parts: parts && inOrder(parts), reason }
      } catch (error) {
        const message = `the grader "${grader.name}" failed; try again`
        const facts = { run, rollout: rolloutId, grader: grader.name }
        throw failureOf(error, facts, { code: 'grader_failed', message }, [request.item, request.sample])
      }
    },
  }
}

/** The attempt to which a grading without a score is recorded, when it failed before that was known. */
async function attemptOf(ledger: Ledger, grading: GradingIdentity) {
  const { latest } = await ledger.findGrading(grading)
  if (latest !== undefined && placeOf(latest, grading.itemHash, true) === 'here') return latest
  if (latest !== undefined && !latest.graded && !latest.ended) throw new ItemMismatchError(grading.rolloutId)
  return { number: undefined, attempt: (latest?.attempt ?? 0) + 1 }
}

/** Parts by name, because Postgres keeps another order: the stored answer is the same as the first. */
const inOrder = (parts: Readonly<Record<string, number>>) =>
  Object.fromEntries(Object.entries(parts).sort(([a], [b]) => (a < b ? -1 : 1)))

interface Identified extends GradingRequest {
  readonly rolloutId: string
  readonly sampleHash: string
  readonly itemHash: string
}

/** Whether the environment's `begin` refused the item, or the attempt has ended. */
const isCallersFault = (error: unknown) =>
  error instanceof RequestError && (error.status === 422 || error.code === 'rollout_ended')

type Ending = Pick<GradingRecord, 'outcome' | 'score' | 'parts' | 'reason' | 'code'>

function unknownGrader(name: string | undefined, known: readonly string[]): RequestError {
  const which = name === undefined ? 'no grader is defined' : `there is no grader "${shorten(name, 64)}"`
  return new RequestError(404, 'unknown_grader', `${which}; the graders are: ${known.join(', ')}`)
}
