import type { Check, CheckContext } from './check.ts'
import { fail, pass, skip, warn } from './verdict.ts'
import { type Answer, outputOf, statusOf } from './wire.ts'

/** How many calls are sent at once, unless the budget is larger. */
const parallel = 40
const beyond = 10

/** What is known about the budget. */
export interface BudgetOptions {
  /** How many calls a rollout may make; undefined if it is not known. */
  readonly budget: number | undefined
  /** The budget of this project, which another server need not have. */
  readonly ownBudget: number | undefined
}

/**
 * Of forty concurrent calls of one rollout, the budget admits its number; if the budget is not known, as many as of forty
 * sequential calls. An admitted call is recognized by its output, which is that of the same call in a rollout of its own;
 * or, if the output of a tool changes when it is called again, by not being the refusal with which forty calls end.
 */
export function budgetCheck(
  { wire, items: [item], tools: [tool] }: CheckContext,
  { budget, ownBudget }: BudgetOptions,
): Check {
  const call = { tool: tool.name, arguments: tool.arguments, item }
  const most = Math.max(parallel, (budget ?? 0) + beyond)
  return {
    name: 'budget',
    requests: 2 + 2 * most,
    async run() {
      const alone = [await wire.call(call), await wire.call(call)]
      const known = budget === undefined ? await callsInTurn() : undefined
      const wanted = budget ?? admittedOf(alone, known ?? [], refusalOf(alone, known ?? []))
      if (wanted >= most) {
        return [
          skip(
            'budget',
            `all ${most} calls of a rollout are admitted: there seems to be no budget`,
            'state it with --budget',
          ),
        ]
      }
      if (budget === undefined && wanted === 1) {
        const why = `the output of ${tool.name} changes when it is called again: a budget cannot be recognized`
        return [skip('budget', why, 'state it with --budget')]
      }
      const rollout = wire.newRollout()
      const answers = await Promise.all(Array.from({ length: most }, () => wire.call({ ...call, rollout })))
      const broken = answers.filter(isBroken).length
      if (broken > 0)
        return [fail('budget', `${broken} of ${most} parallel calls of a rollout were not answered`, advice)]
      const first = admittedOf(alone, answers)
      const inTurn = known ?? (first === budget ? undefined : await callsInTurn())
      const admitted = inTurn === undefined ? first : admittedOf(alone, answers, refusalOf(alone, inTurn))
      const of = `of ${most} parallel calls of a rollout ${admitted} were admitted`
      if (budget !== undefined) {
        const why = `${of}; the budget is ${budget}`
        return [admitted === budget ? pass('budget', why) : fail('budget', why, advice)]
      }
      const why = `${of}, and ${wanted} of as many sequential ones`
      if (admitted !== wanted) return [fail('budget', why, advice)]
      if (ownBudget === undefined || ownBudget === wanted) return [pass('budget', why)]
      return [warn('budget', `${why}; the budget of this project is ${ownBudget}`, 'state the right one with --budget')]

      async function callsInTurn(): Promise<readonly Answer[]> {
        const inTurn: Answer[] = []
        const own = wire.newRollout()
        for (let n = 0; n < most; n += 1) inTurn.push(await wire.call({ ...call, rollout: own }))
        return inTurn
      }
    },
  }
}

const advice = 'count the calls of a rollout atomically, for example in the database'

const isBroken = (answer: Answer) => statusOf(answer) === 0 || statusOf(answer) >= 500

/** The equal answer to the last of many calls of a rollout; undefined if they differ, or equal that to the first. */
function refusalOf(alone: readonly Answer[], inTurn: readonly Answer[]): string | undefined {
  const [last, before] = inTurn.slice(-2).map(keyOf)
  return last === before && !alone.map(keyOf).includes(last ?? '') ? last : undefined
}

function admittedOf(alone: readonly Answer[], answers: readonly Answer[], refusal?: string): number {
  const outputs = answers.map(keyOf)
  if (refusal !== undefined) return outputs.filter((output) => output !== refusal).length
  const [known, other] = alone.map(keyOf)
  if (known === other) return outputs.filter((output) => output === known).length
  // If the output changes each time, the most frequent one is the refusal.
  const counts = new Map<string, number>()
  for (const output of outputs) counts.set(output, (counts.get(output) ?? 0) + 1)
  const most = Math.max(...counts.values())
  return most === 1 ? outputs.length : outputs.length - most
}

const keyOf = (answer: Answer) => JSON.stringify([statusOf(answer), outputOf(answer) ?? ''])
