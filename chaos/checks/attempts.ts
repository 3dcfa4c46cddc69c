import { type Evidence, grouped, keyOf, recorded as recordedOf } from '../evidence.ts'
import { attemptKey, type SeenRollout } from '../seen.ts'
import type { Check } from './check.ts'

/** The attempts of each rollout id, in runs that the ledger still has. */
function idsOf(evidence: Evidence): readonly SeenRollout[][] {
  return [...grouped(recordedOf(evidence), ({ run, name }) => attemptKey(run, name, 0)).values()]
}

const counted: Check = {
  name: 'attempts more or fewer than the trainer made',
  find(evidence) {
    const { calls, rollouts } = evidence.rows
    const recorded = new Set(rollouts.map(({ id }) => id))
    const done = new Set(calls.flatMap(({ rolloutId, outcome }) => (outcome === 'ok' ? [rolloutId] : [])))
    const ids = idsOf(evidence)
    // When the trainer gives up on a call, the attempt may be missing, or the failure may be recorded after the grading.
    const missing = ids.flatMap((uses) =>
      uses.flatMap(({ id, discarded }) => (discarded || recorded.has(id) ? [] : [`${id} is not recorded`])),
    )
    const known = new Set(ids.flat().map(({ id }) => id))
    const excused = new Set(
      ids.flatMap((uses) =>
        uses.some(({ discarded }) => discarded)
          ? uses.map(({ run, name }) => attemptKey(run, name, uses.length + 1))
          : [],
      ),
    )
    // A session whose first answer was lost begins again under another id.
    const left = ids.flat().flatMap(({ run, leftNames }) => (leftNames === undefined ? [] : [`${run}/${leftNames}`]))
    const called = new Set(calls.map(({ rolloutId }) => rolloutId))
    const isLeft = (id: string) => !called.has(id) && left.some((name) => id.startsWith(name))
    const more = [...recorded].filter((id) => !known.has(id) && !(excused.has(id) && !done.has(id)) && !isLeft(id))
    return [...missing, ...more.map((id) => `${id} is recorded, and the trainer did not make it`)]
  },
}

const mixed: Check = {
  name: 'calls in an attempt or run that did not make them',
  find({ seen, rows }) {
    const made = new Map(seen.map(({ id, calls }) => [id, new Set(calls.map(({ callId }) => callId))]))
    const foreign = rows.calls.flatMap(({ rolloutId, callId }) =>
      made.has(rolloutId) && !made.get(rolloutId)?.has(callId) ? [`${keyOf(rolloutId, callId)} was not made`] : [],
    )
    const unique = rows.calls.filter(({ outcome, output }) => outcome === 'ok' && output.startsWith('done '))
    const shared = [...grouped(unique, ({ output }) => output)].flatMap(([output, all]) =>
      all.length > 1
        ? [`"${output}" is the output of ${all.map((one) => keyOf(one.rolloutId, one.callId)).join(', ')}`]
        : [],
    )
    return [...foreign, ...shared]
  },
}

const outcomes: Check = {
  name: 'attempts with the wrong outcome',
  find({ seen, ended }) {
    const endings = new Map(seen.flatMap(({ id, ending, discarded }) => (discarded ? [] : [[id, ending] as const])))
    return ended.attempts.flatMap(({ id, released, graded, outcome }) => {
      const ending = endings.get(id)
      if (!released) return []
      const ungraded = ending === 'closed' || ending === 'abandoned' ? ending : undefined
      const fits = graded ? outcome === 'graded' : outcome !== 'graded' && (ungraded ?? outcome) === outcome
      return fits ? [] : [`${id} is ${outcome}, ${graded ? 'graded' : 'not graded'}; the trainer left it ${ending}`]
    })
  },
}

/** Checks that runs and attempts are apart. */
export const attemptChecks: readonly Check[] = [counted, mixed, outcomes]
