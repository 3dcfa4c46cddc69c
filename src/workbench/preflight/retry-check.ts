import { type Check, type CheckContext, firstOf } from './check.ts'
import { fail, pass, skip, warn } from './verdict.ts'
import { type Answer, describeAnswer, outputOf, statusOf } from './wire.ts'

/** A call that is sent again, later or at the same time, gets the same answer and does not run again. */
export function retryCheck({ wire, items: [item], tools, isScorekeeper }: CheckContext): Check {
  return {
    name: 'retries',
    requests: tools.length * 4,
    async run() {
      const differs: string[] = []
      const again: string[] = []
      const failed: string[] = []
      let replays = 0
      const late = 'after its answer'
      for (const { name: tool, arguments: args } of tools) {
        const call = { tool, arguments: args, item }
        const look = (answers: readonly Answer[], when: string) => {
          const [first, second] = answers
          if (first === undefined || second === undefined) return
          const broken = answers.find((answer) => statusOf(answer) === 0 || statusOf(answer) >= 500)
          // While it runs, a server may answer 5xx; once it is answered, the answer must be known.
          if (broken === second && statusOf(first) === 200 && when === late)
            differs.push(`${tool}, sent again ${when}, gives ${describeAnswer(broken)}`)
          else if (broken !== undefined) failed.push(`${tool}, sent again ${when}, gives ${describeAnswer(broken)}`)
          else if (textOf(first) !== textOf(second)) differs.push(`${tool}, sent again ${when}, gets another answer`)
          else if (!answers.some(isReplay)) again.push(`${tool}, sent again ${when}, is not marked as a replay`)
          else replays += 1
        }
        const later = { ...call, rollout: wire.newRollout(), callId: `call_${wire.newRollout()}` }
        look([await wire.call(later), await wire.call(later)], late)
        const atOnce = { ...call, rollout: wire.newRollout(), callId: `call_${wire.newRollout()}` }
        look(await Promise.all([wire.call(atOnce), wire.call(atOnce)]), 'while it runs')
      }
      const advice = 'store the answer under (trace_id, call_id), and return it to a retry'
      const [broken, other, ran] = [firstOf(failed), firstOf(differs), firstOf(again)]
      if (other !== undefined) return [fail('retries', other, advice)]
      if (broken !== undefined) return [warn('retries', broken, advice)]
      if (ran === undefined) return [pass('retries', 'a retried call gets the same answer, and does not run again')]
      if (isScorekeeper || replays > 0) return [fail('retries', `${ran}: it may have run twice`, advice)]
      return [skip('retries', 'a retried call gets the same answer; the server does not say whether it ran again')]
    },
  }
}

const isReplay = (answer: Answer) => !('failed' in answer) && answer.headers.get('x-replayed') === 'true'
const textOf = (answer: Answer) => outputOf(answer) ?? describeAnswer(answer)
