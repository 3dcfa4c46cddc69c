import { z } from 'zod'
import type { Check, Desk } from './desk.ts'
import { firstOf } from './desk.ts'
import { fail, pass, warn } from './verdict.ts'
import { type Answer, isPage, jsonOf, outputOf, statusOf, told } from './wire.ts'

const answerShape = z.looseObject({
  type: z.unknown().optional(),
  call_id: z.unknown().optional(),
  id: z.unknown().optional(),
  output: z.unknown().optional(),
})

/** Every tool answers as a trainer reads it: the ids come back, and `output` is a string. */
export function contractCheck({ wire, items: [item], tools }: Desk): Check {
  return {
    name: 'contract',
    requests: tools.length,
    async run() {
      const wrong: string[] = []
      const refused: string[] = []
      const empty: string[] = []
      for (const tool of tools) {
        const answer = await wire.call({ tool: tool.name, arguments: tool.arguments, item })
        const problem = problemOf(answer)
        if (problem !== undefined) wrong.push(`${tool.name} ${problem}`)
        else if (statusOf(answer) !== 200)
          refused.push(`${tool.name} answers ${told(answer)} to ${JSON.stringify(tool.arguments)}`)
        else if (outputOf(answer) === '') empty.push(`the output of ${tool.name} is empty`)
      }
      const [bad, odd] = [firstOf(wrong), firstOf([...refused, ...empty])]
      if (bad !== undefined) {
        const advice =
          'answer 200 with { "type": "function_call_output", "call_id", "id", "output": "a string" }, ids as they came'
        return [fail('contract', bad, advice)]
      }
      if (odd !== undefined)
        return [warn('contract', odd, 'say with --call what the tool takes, such as --call \'cat={"path":"a/b"}\'')]
      return [
        pass('contract', `${tools.map(({ name }) => name).join(', ')}: the ids come back, the output is a string`),
      ]
    },
  }
}

/** What a trainer would not like about the answer to a call; undefined where there is nothing, or it is a 4xx. */
function problemOf(answer: Answer): string | undefined {
  if ('failed' in answer) return `gives ${told(answer)}`
  if (answer.status === 404 || answer.status === 405) return `is not there: ${told(answer)}`
  if (answer.status >= 500 || answer.status < 200 || (answer.status >= 300 && answer.status < 400)) {
    return `answers ${told(answer)}`
  }
  if (answer.text === undefined) return 'answers with more than 1 MB, which the model never sees'
  if (isPage(answer)) return `answers ${told(answer)}, which the model would read`
  if (answer.status >= 400) return undefined
  const body = answerShape.safeParse(jsonOf(answer))
  if (!body.success) return `answers ${answer.status} with what is no object of JSON`
  const { type, call_id: callId, id, output } = body.data
  if (typeof output !== 'string')
    return `answers with an output that is ${output === undefined ? 'not there' : 'no string'}`
  if (callId !== answer.callId) return `answers with the call_id ${JSON.stringify(callId)}, not with that of the call`
  if (id !== answer.id) return `answers with the id ${JSON.stringify(id)}, not with that of the call`
  return type === 'function_call_output' ? undefined : `answers with the type ${JSON.stringify(type)}`
}
