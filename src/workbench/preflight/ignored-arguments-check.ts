import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import { type Check, type CheckContext, firstOf, type KnownTool } from './check.ts'
import { pass, skip, warn } from './verdict.ts'
import { isOk, outputOf } from './wire.ts'

/** How many arguments of a tool are tried. */
const maxArguments = 3

/** The names of arguments that locate something: an invented place does not exist. */
const placeName = /path|dir|folder|file|url|key|(?:^|_)id$|Id$/

/** The output of a tool that changes something need not depend on its arguments. */
const confirmation =
  /\b(?:kept|saved|stored|noted|done|ok|okay|sent|created|updated|deleted|removed|added|recorded|success\w*|confirmed|cancell?ed)\b/i

const record = z.record(z.string(), z.unknown())

/** Tools look at their arguments, and have no results for a place that does not exist. */
export function ignoredArgumentsCheck({ wire, items: [item], tools }: CheckContext): Check {
  const tried = tools.flatMap((tool) => (tool.isOk === false ? [] : textsOf(tool).map((name) => ({ tool, name }))))
  return {
    name: 'arguments',
    requests: tools.length * (maxArguments + 1),
    async run() {
      if (tried.length === 0) return [skip('arguments', 'no call with a text succeeded', 'name one with --call')]
      const ignored: string[] = []
      const invented: string[] = []
      const outputs = new Map<KnownTool, string | undefined>()
      for (const { tool, name } of tried) {
        if (!outputs.has(tool)) {
          const usual = await wire.call({ tool: tool.name, arguments: tool.arguments, item })
          outputs.set(tool, isOk(usual) ? outputOf(usual) : undefined)
        }
        const text = `no-such-${randomUUID().slice(0, 8)}`
        const args = { ...record.parse(tool.arguments), [name]: text }
        const answer = await wire.call({ tool: tool.name, arguments: args, item })
        const [usual, output] = [outputs.get(tool), isOk(answer) ? outputOf(answer) : undefined]
        if (output === undefined || usual === undefined) continue
        if (output === usual && !confirmation.test(output))
          ignored.push(`${tool.name} answers the same, whatever its argument ${name} says`)
        else if (placeName.test(name) && isListing(output, text)) {
          invented.push(`${tool.name} has results for ${name} = ${JSON.stringify(text)}, which does not exist`)
        }
      }
      const [odd, more] = [firstOf(ignored), firstOf(invented)]
      if (odd !== undefined) {
        return [
          warn('arguments', odd, 'use the argument, or take it out of the tool: the model learns that it does nothing'),
        ]
      }
      if (more !== undefined) {
        return [warn('arguments', more, 'say that there is no such place: the model cannot tell it from a real one')]
      }
      return [pass('arguments', 'another argument has another result, and an invented place has none')]
    },
  }
}

/** The arguments of a tool that are texts. */
const textsOf = ({ arguments: args }: KnownTool): readonly string[] =>
  Object.entries(record.safeParse(args).data ?? {})
    .filter(([, value]) => typeof value === 'string')
    .map(([name]) => name)
    .slice(0, maxArguments)

/** Whether an output has more than the requested text, and does not report that nothing was found. */
function isListing(output: string, text: string): boolean {
  const rest = output.replaceAll(text, '').trim()
  return (
    rest.replaceAll(/[^\p{L}\p{N}]/gu, '') !== '' && !/\b(?:no|not|none|nothing|empty|without|unknown|0)\b/i.test(rest)
  )
}
