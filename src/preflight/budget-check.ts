import type { Check, Desk } from './desk.ts'
import { fail, pass, skip } from './verdict.ts'
import { type Answer, outputOf, statusOf } from './wire.ts'

/** So many calls are sent at once. */
const parallel = 40

/**
 * Of forty calls of one rollout that come at once, as many are admitted as the budget says. An admitted call is known by its
 * output, which is that of the same call in a rollout of its own.
 */
export function budgetCheck({ wire, items: [item], tools: [tool] }: Desk, budget: number | undefined): Check {
  const call = { tool: tool.name, arguments: tool.arguments, item }
  return {
    name: 'budget',
    requests: budget === undefined ? 0 : parallel + 2,
    async run() {
      if (budget === undefined)
        return [skip('budget', 'no budget is known', 'say with --budget how many calls a rollout may make')]
      if (budget >= parallel)
        return [skip('budget', `the budget of ${budget} calls is not reached by ${parallel} calls`)]
      const alone = [await wire.call(call), await wire.call(call)]
      const rollout = wire.newRollout()
      const answers = await Promise.all(Array.from({ length: parallel }, () => wire.call({ ...call, rollout })))
      const broken = answers.filter((answer) => statusOf(answer) === 0 || statusOf(answer) >= 500).length
      const advice = 'count the calls of a rollout where no two can count at once, such as in the database'
      if (broken > 0)
        return [fail('budget', `${broken} of ${parallel} parallel calls of a rollout were not answered`, advice)]
      const admitted = admittedOf(alone, answers)
      const why = `of ${parallel} parallel calls of a rollout ${admitted} were admitted; the budget is ${budget}`
      return [admitted === budget ? pass('budget', why) : fail('budget', why, advice)]
    },
  }
}

function admittedOf(alone: readonly Answer[], answers: readonly Answer[]): number {
  const outputs = answers.map(keyOf)
  const [known, other] = alone.map(keyOf)
  if (known === other) return outputs.filter((output) => output === known).length
  // The tool says something else each time: what is said most often is that the budget is used up.
  const counts = new Map<string, number>()
  for (const output of outputs) counts.set(output, (counts.get(output) ?? 0) + 1)
  const most = Math.max(...counts.values())
  return most === 1 ? outputs.length : outputs.length - most
}

const keyOf = (answer: Answer) => JSON.stringify([statusOf(answer), outputOf(answer) ?? ''])
