import { z } from 'zod'
import { defineEnvironment } from '../../src/kit/define.ts'
import { RequestError } from '../../src/kit/errors.ts'
import { scoreNotUsed } from '../../src/kit/scoring/conduct/tool-use.ts'
import { type ScoredCall, usedTool } from '../../src/kit/scoring/conduct/trajectory.ts'
import { scoreFields } from '../../src/kit/scoring/json-fields.ts'
import { scoreMentions } from '../../src/kit/scoring/mentions.ts'
import { unpack } from '../../src/kit/scoring/written.ts'

const action = z.object({ tool: z.string().min(1), arguments: z.record(z.string(), z.unknown()).default({}) })
const weight = z.number().positive().default(1)

const { defineGrader } = defineEnvironment({
  task: z.object({ request: z.string() }),
  reference: z.object({
    /** What should be done, with exactly these arguments; those in `optional` may be there too, with any value. */
    expected: z.array(action.extend({ weight, optional: z.array(z.string()).default([]) })).default([]),
    /** What the policy forbids. To have tried is enough. */
    forbidden: z.array(action).default([]),
    /** What the user should be told. */
    tell: z.array(z.object({ phrase: z.string().trim().min(1), weight })).default([]),
    /** The calls that find out what is told: without each of them, words are guesses and earn nothing. */
    look: z.array(action).default([]),
    /** The tools that change nothing. A call of any other tool that is not expected does harm. */
    reading: z.array(z.string()),
    /** What the shop's records say at the end: of the rollout's state, the fields that the actions change. */
    final: z.object({ state: z.record(z.string(), z.unknown()), weight }).optional(),
    /** The characters that a reply may have; past it what is told falls with the square. */
    longest: z.number().int().positive().default(400),
  }),
  // YOURS: what your tools keep of the shop; `final` names fields of it.
  state: z.looseObject({}),
})

/**
 * A clerk of a shop, by what was done and what was said: the share, by weight, of expected actions, of facts told, and,
 * where the item says how the records must look at the end, of that.
 *
 * One change that is not expected and nothing else counts: the same refund twice, an argument more, an action undone, a
 * tool that no list names. The same holds for a forbidden call, tried or done. What is said to be done and is not in the
 * trajectory is not done. In an item that expects no action the right thing is to look, and to refuse or answer.
 */
export const retailPolicy = defineGrader({
  name: 'retail-policy',
  version: '2',
  range: [0, 1],
  grade({ sample, trajectory, state, reference }) {
    const { expected, forbidden, tell, look, reading, final, longest } = reference
    if (expected.length + tell.length === 0) {
      throw new RequestError(422, 'item_misfit', 'the item cannot be graded: it expects no action and no words')
    }
    if (expected.some((each) => forbidden.some((not) => isLike(each, not)))) {
      throw new RequestError(422, 'item_misfit', 'the item cannot be graded: it forbids an action that it expects')
    }
    if (final !== undefined && (expected.length === 0 || Object.keys(final.state).length === 0)) {
      throw new RequestError(
        422,
        'item_misfit',
        'the item cannot be graded: no action makes its final state, or it is empty',
      )
    }
    const kept = scoreNotUsed(trajectory, forbidden)
    // One call answers one expected action: two refunds are two calls, and the same call again is one too many.
    const left = trajectory.filter(({ outcome, tool }) => outcome === 'ok' && !reading.includes(tool))
    const done = fewestOptionalFirst(expected).filter((each) => {
      const at = left.findIndex((call) => isExactly(call, each))
      if (at >= 0) left.splice(at, 1)
      return at >= 0
    })
    const extra = left.length
    const said = tell.length === 0 ? undefined : scoreMentions(sample.output_text, tell)
    // A wall of text tells everything, and the user nothing.
    const brevity = Math.min(1, longest / Math.max(1, sample.output_text.trim().length)) ** 2
    // Words without the action that was due are a lie, and without the look that finds the facts a guess.
    const idle = expected.length > 0 && done.length === 0
    const informed = look.every((each) => trajectory.some((call) => isExactly(call, { ...each, optional: [] })))
    const told = idle || !informed ? 0 : (said?.score ?? 0) * brevity
    // Fields that were right from the start earn nothing either.
    const reached = final === undefined || idle ? 0 : scoreFields(state, final.state).score

    const [toDo, toTell, toReach] = [weightOf(expected), weightOf(tell), final?.weight ?? 0]
    const earned = (weightOf(done) + told * toTell + reached * toReach) / (toDo + toTell + toReach)
    const actions = toDo === 0 ? 1 : weightOf(done) / toDo
    return {
      score: extra > 0 ? 0 : Math.min(1, earned * kept.score),
      parts: { actions, told: toTell === 0 ? 1 : told, extra, policy: kept.score, ...(final && { reached }) },
      reason: [
        kept.reason,
        `${done.length} of ${expected.length} actions`,
        informed ? said?.reason : 'told without a look',
        `${extra} changes too many`,
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

/** The stricter action takes its call first, so that it is not left without one that fits nothing else. */
function fewestOptionalFirst<Wanted extends ExpectedAction>(wanted: readonly Wanted[]): Wanted[] {
  return wanted.toSorted((one, other) => one.optional.length - other.optional.length)
}

/** Whether a call does what is expected, and nothing besides. */
function isExactly(call: ScoredCall, wanted: ExpectedAction): boolean {
  const given = z.record(z.string(), z.unknown()).safeParse(unpack(call.arguments))
  const known = new Set([...Object.keys(wanted.arguments), ...wanted.optional])
  return usedTool([call], wanted) && given.success && Object.keys(given.data).every((name) => known.has(name))
}

/** Whether a call that does what is expected, and no more, is one of those forbidden. */
function isLike(expected: Action, not: Action): boolean {
  return usedTool([{ ...expected, outcome: 'ok', output: '' }], not)
}
