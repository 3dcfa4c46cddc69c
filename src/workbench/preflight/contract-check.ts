import { z } from 'zod'
import { shorten } from '../../base/text.ts'
import { type Check, type CheckContext, firstOf } from './check.ts'
import { fail, pass, warn } from './verdict.ts'
import { type Answer, describeAnswer, isOk, isPage, jsonOf, outputOf, statusOf } from './wire.ts'

const answerShape = z.looseObject({
  type: z.unknown().optional(),
  call_id: z.unknown().optional(),
  id: z.unknown().optional(),
  output: z.unknown().optional(),
})

/** Every tool answers in the trainer's format: the ids are returned, and `output` is a string. */
export function contractCheck({ wire, items: [item], tools }: CheckContext): Check {
  return {
    name: 'contract',
    requests: tools.length,
    async run() {
      const wrong: string[] = []
      const refused: string[] = []
      const empty: string[] = []
      const untyped: string[] = []
      for (const tool of tools) {
        const answer = await wire.call({ tool: tool.name, arguments: tool.arguments, item })
        const problem = problemOf(answer)
        if (problem !== undefined) wrong.push(`${tool.name} ${problem}`)
        else if (statusOf(answer) !== 200)
          refused.push(`${tool.name} answers ${describeAnswer(answer)} to ${JSON.stringify(tool.arguments)}`)
        else if (outputOf(answer) === '') empty.push(`the output of ${tool.name} is empty`)
        else if (!isOk(answer))
          refused.push(`no call of ${tool.name} succeeded: ${shorten(outputOf(answer) ?? '', 100)}`)
        else if (typeOf(answer) === undefined) untyped.push(`${tool.name} leaves out "type"`)
      }
      const [bad, odd] = [firstOf(wrong), firstOf([...refused, ...empty])]
      if (bad !== undefined) {
        const advice =
          'answer 200 with { "type": "function_call_output", "call_id", "id", "output": "a string" }, with the ids of the call'
        return [fail('contract', bad, advice)]
      }
      if (odd !== undefined)
        return [warn('contract', odd, 'pass arguments with --call, such as --call \'cat={"path":"a/b"}\'')]
      const typeless = firstOf(untyped)
      if (typeless !== undefined)
        return [warn('contract', typeless, 'add "type": "function_call_output", which the documented format has')]
      return [
        pass('contract', `${tools.map(({ name }) => name).join(', ')}: the ids are returned, the output is a string`),
      ]
    },
  }
}

/** Why a trainer would reject the answer to a call; undefined if it would not, or if it is a 4xx. */
function problemOf(answer: Answer): string | undefined {
  if ('failed' in answer) return `gives ${describeAnswer(answer)}`
  if (answer.status === 404 || answer.status === 405) return `does not exist: ${describeAnswer(answer)}`
  if (answer.status >= 500 || answer.status < 200 || (answer.status >= 300 && answer.status < 400)) {
    return `answers ${describeAnswer(answer)}`
  }
  if (answer.text === undefined) return 'answers with more than 1 MB, which the model never sees'
  if (isPage(answer)) return `answers ${describeAnswer(answer)}, which the model would read`
  if (answer.status >= 400) return undefined
  const body = answerShape.safeParse(jsonOf(answer))
  if (!body.success) return `answers ${answer.status} with a body that is not a JSON object`
  const { type, call_id: callId, id, output } = body.data
  if (typeof output !== 'string')
    return `answers ${output === undefined ? 'without an output' : 'with an output that is not a string'}`
  if (callId !== answer.callId) return `answers with the call_id ${JSON.stringify(callId)} instead of that of the call`
  if (id !== answer.id) return `answers with the id ${JSON.stringify(id)} instead of that of the call`
  return type === undefined || type === 'function_call_output'
    ? undefined
    : `answers with the type ${JSON.stringify(type)}`
}

const typeOf = (answer: Answer) => answerShape.safeParse(jsonOf(answer)).data?.type
