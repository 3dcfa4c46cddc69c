import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import type { Check, CheckContext, KnownTool } from './check.ts'
import { fail, pass, skip, type Verdict, warn } from './verdict.ts'
import { type Answer, describeAnswer, outputOf, statusOf } from './wire.ts'

const record = z.record(z.string(), z.unknown())

/** The call ids of a model that counts them from 0 in each turn: the same id is used for another call. */
export function callIdsCheck({ wire, items: [item], tools, isScorekeeper }: CheckContext): Check {
  const calls = twoCalls(tools)
  return {
    name: 'call ids',
    requests: 3,
    async run() {
      if (calls === undefined) return [skip('call ids', 'no two different calls are known', 'name them with --call')]
      const [first, second] = calls
      const rollout = wire.newRollout()
      const make = ({ name, arguments: args }: Called, callId: string) =>
        wire.call({ tool: name, arguments: args, item, rollout, callId })
      const before = await make(first, 'call_0')
      const reused = await make(second, 'call_0')
      const fresh = await make(second, 'call_1')
      return [verdictOf({ before, reused, fresh, isScorekeeper })]
    },
  }
}

type Called = Pick<KnownTool, 'name' | 'arguments'>

/** Two calls that differ in an argument, or in the tool; undefined if none are known. */
function twoCalls(tools: readonly KnownTool[]): readonly [Called, Called] | undefined {
  const known = tools.filter(({ isOk }) => isOk !== false)
  for (const { name, arguments: args } of known) {
    const given = record.safeParse(args).data ?? {}
    const text = Object.keys(given).find((key) => typeof given[key] === 'string')
    if (text === undefined) continue
    const other = { ...given, [text]: `other-${randomUUID().slice(0, 8)}` }
    return [
      { name, arguments: args },
      { name, arguments: other },
    ]
  }
  const [first, second] = known
  return first !== undefined && second !== undefined ? [first, second] : undefined
}

interface Seen {
  readonly before: Answer
  /** The answer to another call under the same id. */
  readonly reused: Answer
  /** The answer to that call under an id of its own. */
  readonly fresh: Answer
  readonly isScorekeeper: boolean
}

function verdictOf({ before, reused, fresh, isScorekeeper }: Seen): Verdict {
  const what = 'a call_id that is used again in a rollout with other arguments'
  const advice = 'tell calls apart by the tool and the arguments too: some models count their calls from 0 in each turn'
  if ([before, fresh].some((answer) => statusOf(answer) !== 200)) {
    return skip('call ids', `calls are answered with ${describeAnswer(before)} and ${describeAnswer(fresh)}`)
  }
  if (statusOf(reused) !== 200) {
    const why = `${what} is answered with ${describeAnswer(reused)}`
    return isScorekeeper || statusOf(reused) >= 500 ? fail('call ids', why, advice) : warn('call ids', why, advice)
  }
  const isFirst = outputOf(reused) === outputOf(before)
  if (isReplay(reused) || (isFirst && outputOf(fresh) !== outputOf(before))) {
    return fail('call ids', `${what} gets the answer of the first call`, advice)
  }
  if (isFirst && !isScorekeeper) {
    return skip('call ids', 'two calls with different arguments have the same output, whatever their ids')
  }
  return pass('call ids', `${what} is a new call`)
}

const isReplay = (answer: Answer) => !('failed' in answer) && answer.headers.get('x-replayed') === 'true'
