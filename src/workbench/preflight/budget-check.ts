import type { Check, Desk } from './desk.ts'
import { fail, pass, skip, warn } from './verdict.ts'
import { type Answer, outputOf, statusOf } from './wire.ts'

/** So many calls are sent at once, or a few more than the budget. */
const parallel = 40
const beyond = 10

/** What is known of the budget beforehand. */
export interface BudgetOptions {
  /** How many calls a rollout may make; undefined where nobody says. */
  readonly budget: number | undefined
  /** The budget of this folder, which another server need not have. */
  readonly ownBudget: number | undefined
}

/**
 * Of forty calls of one rollout that come at once, as many are admitted as the budget says; where nobody says, as many as
 * of forty that come one after another. An admitted call is known by its output, which is that of the same call in a rollout
 * of its own; or, where a tool says something else when it is called again, by not being the refusal with which forty end.
 */
export function budgetCheck({ wire, items: [item], tools: [tool] }: Desk, { budget, ownBudget }: BudgetOptions): Check {
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
            `all of ${most} calls of a rollout are admitted: no budget is seen`,
            'say with --budget what it is',
          ),
        ]
      }
      if (budget === undefined && wanted === 1) {
        const why = `${tool.name} says something else when it is called again: a budget cannot be told from that`
        return [skip('budget', why, 'say with --budget what it is')]
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
      const why = `${of}, and ${wanted} of as many that came one after another`
      if (admitted !== wanted) return [fail('budget', why, advice)]
      if (ownBudget === undefined || ownBudget === wanted) return [pass('budget', why)]
      return [
        warn('budget', `${why}; the budget of this folder is ${ownBudget}`, 'say with --budget which one is meant'),
      ]

      async function callsInTurn(): Promise<readonly Answer[]> {
        const inTurn: Answer[] = []
        const own = wire.newRollout()
        for (let n = 0; n < most; n += 1) inTurn.push(await wire.call({ ...call, rollout: own }))
        return inTurn
      }
    },
  }
}

const advice = 'count the calls of a rollout where no two can count at once, such as in the database'

const isBroken = (answer: Answer) => statusOf(answer) === 0 || statusOf(answer) >= 500

/** What the last of many calls of a rollout are told alike; undefined where that is what the first was told, or they differ. */
function refusalOf(alone: readonly Answer[], inTurn: readonly Answer[]): string | undefined {
  const [last, before] = inTurn.slice(-2).map(keyOf)
  return last === before && !alone.map(keyOf).includes(last ?? '') ? last : undefined
}

function admittedOf(alone: readonly Answer[], answers: readonly Answer[], refusal?: string): number {
  const outputs = answers.map(keyOf)
  if (refusal !== undefined) return outputs.filter((output) => output !== refusal).length
  const [known, other] = alone.map(keyOf)
  if (known === other) return outputs.filter((output) => output === known).length
  // The tool says something else each time: what is said most often is that the budget is used up.
  const counts = new Map<string, number>()
  for (const output of outputs) counts.set(output, (counts.get(output) ?? 0) + 1)
  const most = Math.max(...counts.values())
  return most === 1 ? outputs.length : outputs.length - most
}

const keyOf = (answer: Answer) => JSON.stringify([statusOf(answer), outputOf(answer) ?? ''])
