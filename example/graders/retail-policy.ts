import { z } from 'zod'
import { defineEnvironment } from '../../src/kit/define.ts'
import { RequestError } from '../../src/kit/errors.ts'
import { scoreNotUsed } from '../../src/kit/scoring/conduct/tool-use.ts'
import { scoreFields } from '../../src/kit/scoring/json-fields.ts'
import { scoreMentions } from '../../src/kit/scoring/mentions.ts'
import { unpack } from '../../src/kit/scoring/written.ts'
import { type ScoredCall, usedTool } from '../../src/kit/trajectory.ts'

const action = z.object({ tool: z.string().min(1), arguments: z.record(z.string(), z.unknown()).default({}) })
const weight = z.number().positive().default(1)

const { defineGrader } = defineEnvironment({
  task: z.object({ request: z.string() }),
  reference: z.object({
    /** The expected calls, with exactly these arguments; those in `optional` may be added with any value. */
    expected: z.array(action.extend({ weight, optional: z.array(z.string()).default([]) })).default([]),
    /** Calls that the policy forbids; an attempt counts too. */
    forbidden: z.array(action).default([]),
    /** Facts that the reply should mention. */
    tell: z.array(z.object({ phrase: z.string().trim().min(1), weight })).default([]),
    /** The calls that find these facts; unless each was made, the facts are guesses and earn nothing. */
    look: z.array(action).default([]),
    /** The read-only tools. An unexpected call of any other tool is harmful. */
    reading: z.array(z.string()),
    /** The expected final state: the fields of the rollout's state that the actions change. */
    final: z.object({ state: z.record(z.string(), z.unknown()), weight }).optional(),
    /** The length of a reply in characters above which the score for facts falls with the square. */
    longest: z.number().int().positive().default(400),
  }),
  // YOURS: the state that your tools keep; `final` names fields of it.
  state: z.looseObject({}),
})

/**
 * Grades a customer service agent: the weighted share of expected actions, of facts mentioned and, if the item has one,
 * of the final state.
 *
 * A single unexpected change sets the score to 0: a second refund, an extra argument, an action that is undone, a tool
 * that no list names. So does a forbidden call, whether it succeeded or not. An action that the reply claims but the
 * trajectory lacks does not count. If an item expects no action, the right behaviour is to look, and to refuse or answer.
 */
export const retailPolicy = defineGrader({
  name: 'retail-policy',
  version: '2',
  range: [0, 1],
  grade({ sample, trajectory, state, reference }) {
    const { expected, forbidden, tell, look, reading, final, longest } = reference
    if (expected.length + tell.length === 0) {
      throw new RequestError(422, 'item_misfit', 'the item cannot be graded: it expects neither actions nor facts')
    }
    if (expected.some((each) => forbidden.some((not) => isLike(each, not)))) {
      throw new RequestError(422, 'item_misfit', 'the item cannot be graded: it forbids an action that it expects')
    }
    if (final !== undefined && (expected.length === 0 || Object.keys(final.state).length === 0)) {
      throw new RequestError(
        422,
        'item_misfit',
        'the item cannot be graded: its final state is empty, or it expects no action',
      )
    }
    const kept = scoreNotUsed(trajectory, forbidden)
    // One call satisfies one expected action: two refunds need two calls, and a third call is unexpected.
    const left = trajectory.filter(({ outcome, tool }) => outcome === 'ok' && !reading.includes(tool))
    const done = fewestOptionalFirst(expected).filter((each) => {
      const at = left.findIndex((call) => isExactly(call, each))
      if (at >= 0) left.splice(at, 1)
      return at >= 0
    })
    const extra = left.length
    const said = tell.length === 0 ? undefined : scoreMentions(sample.output_text, tell)
    // A wall of text would mention every fact without informing the user.
    const brevity = Math.min(1, longest / Math.max(1, sample.output_text.trim().length)) ** 2
    // Facts are false without the expected action, and guesses without the calls that find them.
    const idle = expected.length > 0 && done.length === 0
    const informed = look.every((each) => trajectory.some((call) => isExactly(call, { ...each, optional: [] })))
    const mentioned = idle || !informed ? 0 : (said?.score ?? 0) * brevity
    // Fields that were right from the start earn nothing.
    const reached = final === undefined || idle ? 0 : scoreFields(state, final.state).score

    const [toDo, toTell, toReach] = [weightOf(expected), weightOf(tell), final?.weight ?? 0]
    const earned = (weightOf(done) + mentioned * toTell + reached * toReach) / (toDo + toTell + toReach)
    const actions = toDo === 0 ? 1 : weightOf(done) / toDo
    return {
      score: extra > 0 ? 0 : Math.min(1, earned * kept.score),
      parts: { actions, told: toTell === 0 ? 1 : mentioned, extra, policy: kept.score, ...(final && { reached }) },
      reason: [
        kept.reason,
        `${done.length} of ${expected.length} actions`,
        informed ? said?.reason : 'facts stated without looking them up',
        `${extra} unexpected changes`,
      ]
        .filter((each) => each !== undefined)
        .join('; '),
    }
  },
})

type Action = z.infer<typeof action>
type ExpectedAction = Action & { readonly optional: readonly string[] }

function weightOf(entries: readonly { weight: number }[]): number {
  return entries.reduce((sum, entry) => sum + entry.weight, 0)
}

/** Stricter actions first, so that a looser one does not take the only call that fits a stricter one. */
function fewestOptionalFirst<Wanted extends ExpectedAction>(wanted: readonly Wanted[]): Wanted[] {
  return wanted.toSorted((one, other) => one.optional.length - other.optional.length)
}

/** Whether a call matches the expected action and has no further arguments. */
function isExactly(call: ScoredCall, wanted: ExpectedAction): boolean {
  const given = z.record(z.string(), z.unknown()).safeParse(unpack(call.arguments))
  const known = new Set([...Object.keys(wanted.arguments), ...wanted.optional])
  return usedTool([call], wanted) && given.success && Object.keys(given.data).every((name) => known.has(name))
}

/** Whether a call that matches the expected action exactly is forbidden. */
function isLike(expected: Action, not: Action): boolean {
  return usedTool([{ ...expected, outcome: 'ok', output: '' }], not)
}
