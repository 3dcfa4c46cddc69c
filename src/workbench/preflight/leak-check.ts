import { randomUUID } from 'node:crypto'
import type { DatasetItem } from '../simulate/agent.ts'
import { type Check, type Desk, firstOf } from './desk.ts'
import { badArguments } from './example-arguments.ts'
import { fail, pass, skip } from './verdict.ts'
import { statusOf, told } from './wire.ts'

/** Fields that belong to the trainer or are what a model is asked: a tool may show them. */
const asked = ['messages', 'tools', 'response_format']

/**
 * No tool shows the reference to the model. A word that nobody knows is put into the fields of the reference, and looked for
 * in what tools say, to good arguments and to bad ones.
 */
export function leakCheck({ wire, items: [item], tools }: Desk, referenceFields: readonly string[]): Check {
  const fields = referenceFields.filter((field) => field in item && !asked.includes(field))
  const tried = tools.flatMap((tool) => [
    { tool, args: tool.arguments, isGood: true },
    ...badArguments(tool.parameters).map(([, text]) => ({ tool, args: text, isGood: false })),
  ])
  return {
    name: 'reference',
    requests: fields.length === 0 ? 0 : tried.length,
    async run() {
      if (fields.length === 0)
        return [skip('reference', 'which field of an item is the reference, nobody says', 'name it with --reference')]
      const word = `canary-${randomUUID()}`
      const marked: DatasetItem = { ...item, ...Object.fromEntries(fields.map((field) => [field, word])) }
      const shown: string[] = []
      const silent: string[] = []
      for (const { tool, args, isGood } of tried) {
        const answer = await wire.call({ tool: tool.name, arguments: args, item: marked })
        if (!('failed' in answer) && answer.text?.includes(word))
          shown.push(`${tool.name} shows the model what the reference says`)
        if (isGood && !(statusOf(answer) >= 200 && statusOf(answer) < 300))
          silent.push(`${tool.name} answers ${told(answer)}`)
      }
      const leak = firstOf([...new Set(shown)])
      const unknown = firstOf(silent)
      if (leak === undefined && unknown !== undefined) {
        const why = `${unknown} where the reference says something else: whether it would show it is not known`
        return [skip('reference', why, 'look yourself, or say with --call what the tool takes')]
      }
      if (leak === undefined) return [pass('reference', `no tool shows what ${fields.join(', ')} says`)]
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
