import { randomUUID } from 'node:crypto'
import type { DatasetItem } from '../simulate/agent.ts'
import { type Check, type CheckContext, firstOf } from './check.ts'
import { badArguments } from './example-arguments.ts'
import { fail, pass, skip } from './verdict.ts'
import { describeAnswer, statusOf } from './wire.ts'

/** Fields that belong to the trainer or that the model sees anyway: a tool may show them. */
const visible = ['messages', 'tools', 'response_format']

/**
 * No tool shows the reference to the model. A random word is put into the fields of the reference, and looked for in the
 * outputs of tools, for good arguments and for bad ones.
 */
export function leakCheck({ wire, items: [item], tools }: CheckContext, referenceFields: readonly string[]): Check {
  const fields = referenceFields.filter((field) => field in item && !visible.includes(field))
  const tried = tools.flatMap((tool) => [
    { tool, args: tool.arguments, isGood: true },
    ...badArguments(tool.parameters).map(({ text }) => ({ tool, args: text, isGood: false })),
  ])
  return {
    name: 'reference',
    requests: fields.length === 0 ? 0 : tried.length,
    async run() {
      if (fields.length === 0)
        return [
          skip('reference', 'it is not known which field of an item is the reference', 'name it with --reference'),
        ]
      const word = `canary-${randomUUID()}`
      const marked: DatasetItem = { ...item, ...Object.fromEntries(fields.map((field) => [field, word])) }
      const shown: string[] = []
      const silent: string[] = []
      for (const { tool, args, isGood } of tried) {
        const answer = await wire.call({ tool: tool.name, arguments: args, item: marked })
        if (!('failed' in answer) && answer.text?.includes(word))
          shown.push(`${tool.name} shows the model the content of the reference`)
        if (isGood && !(statusOf(answer) >= 200 && statusOf(answer) < 300))
          silent.push(`${tool.name} answers ${describeAnswer(answer)}`)
      }
      const leak = firstOf([...new Set(shown)])
      const unknown = firstOf(silent)
      if (leak === undefined && unknown !== undefined) {
        const why = `${unknown} when the reference is changed: whether it would show the reference is not known`
        return [skip('reference', why, 'test it yourself, or pass arguments with --call')]
      }
      if (leak === undefined) return [pass('reference', `no tool shows the value of ${fields.join(', ')}`)]
      return [
        fail(
          'reference',
          leak,
          'give tools the item without its reference: a model that reads it learns to look there',
        ),
      ]
    },
  }
}
