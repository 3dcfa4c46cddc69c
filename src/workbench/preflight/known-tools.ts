import { z } from 'zod'
import { type DatasetItem, type ToolDefinition, textOf, toolDefinition } from '../simulate/agent.ts'
import type { KnownTool } from './check.ts'
import { exampleOf, textArguments } from './example-arguments.ts'
import { isOk, outputOf, statusOf, type Wire } from './wire.ts'

/** The sources of the tools that are called. */
export interface ToolSources {
  /** The tools that the server lists; undefined if it lists none. */
  readonly offered: readonly ToolDefinition[] | undefined
  readonly items: readonly DatasetItem[]
  /** Call only these tools, if any are named. */
  readonly only: readonly string[]
  /** Arguments by the names of tools. */
  readonly calls: Readonly<Record<string, unknown>>
}

/**
 * The tools that the server offers and the dataset's rows define, each with arguments to call it with: the given ones, or
 * arguments that fit its JSON Schema, with words of the first item's question.
 */
export function knownTools({ offered = [], items, only, calls }: ToolSources): readonly KnownTool[] {
  const inRows = items.flatMap((item) => z.array(toolDefinition).safeParse(item['tools']).data ?? [])
  const named = [...offered, ...inRows].map(({ function: tool }) => ({ name: tool.name, parameters: tool.parameters }))
  const given = Object.keys(calls).map((name) => ({ name, parameters: undefined }))
  const words = wordsOf(items[0])
  const tools = new Map<string, KnownTool>()
  for (const { name, parameters } of [...named, ...given]) {
    if (tools.has(name) || (only.length > 0 && !only.includes(name))) continue
    tools.set(name, { name, parameters, arguments: calls[name] ?? exampleOf(parameters ?? { type: 'object' }, words) })
  }
  return [...tools.values()]
}

/** The last message of the user. */
const questionOf = (item: DatasetItem | undefined): string =>
  textOf(item?.messages.findLast(({ role }) => role === 'user')?.content)

/** A few words of the model's question, as it could search for them. */
function wordsOf(item: DatasetItem | undefined): string {
  const words = questionOf(item)
    .split(/\s+/)
    .filter((word) => /^[\p{L}\p{N}]{3,}$/u.test(word))
  return words.slice(0, 6).join(' ') || 'example'
}

/** How many values of earlier outputs are tried for a tool. */
const maxTries = 8

/** The maximum number of requests of {@link findArguments}. */
export const findingRequests = (tools: readonly KnownTool[]): number => tools.length * (maxTries + 2)

/**
 * Finds arguments with which calls succeed: those of the tools, or, for a tool whose call does not succeed, with the question
 * or with texts from the outputs of other tools, such as a path that a search found. Tools whose call succeeds come first.
 *
 * @param given the names of the tools whose arguments are not to be changed
 */
export async function findArguments(
  wire: Wire,
  item: DatasetItem,
  tools: readonly KnownTool[],
  given: ReadonlySet<string>,
): Promise<readonly KnownTool[]> {
  const found = new Map<string, KnownTool>()
  const texts: string[] = [questionOf(item)]
  const attempt = async (tool: KnownTool, args: unknown) => {
    const answer = await wire.call({ tool: tool.name, arguments: args, item })
    const ok = isOk(answer)
    if (ok) {
      found.set(tool.name, { ...tool, arguments: args, isOk: true })
      texts.push(...namesIn(outputOf(answer) ?? '').filter((text) => !texts.includes(text)))
    }
    return { ok, isRefused: [401, 403].includes(statusOf(answer)) }
  }
  for (const tool of tools) {
    const { isRefused } = await attempt(tool, tool.arguments)
    // With a refused key, no call tells whether its arguments are valid.
    if (isRefused) return tools
  }
  // Twice, because a call that succeeds now may have the output that another tool needs.
  for (let round = 0; round < 2; round += 1) {
    for (const tool of tools.filter(({ name }) => !found.has(name) && !given.has(name))) {
      const from = round * (maxTries / 2)
      for (const text of texts.slice(from, from + maxTries / 2)) {
        const args = textArguments(tool.parameters, tool.arguments, text)
        if (args !== undefined && (await attempt(tool, args)).ok) break
      }
    }
  }
  return tools
    .map((tool) => found.get(tool.name) ?? { ...tool, isOk: false })
    .toSorted((a, b) => Number(b.isOk) - Number(a.isOk))
}

/** Texts of an output that look like names: paths, identifiers, file names; the longest part of each line first. */
function namesIn(output: string): readonly string[] {
  const words = output.slice(0, 20_000).match(/[\p{L}\p{N}_.:/-]{3,}/gu) ?? []
  const names = words.map((word) => word.replace(/^[.:/-]+|[.:,-]+$/g, '')).filter((word) => /[/_\d]|\w\.\w/.test(word))
  const folders = names.flatMap((name) => (name.includes('/') ? [name.slice(0, name.lastIndexOf('/'))] : []))
  const [paths, others] = [names.filter((name) => name.includes('/')), names.filter((name) => !name.includes('/'))]
  const mixed = Array.from({ length: Math.max(paths.length, folders.length, others.length) }, (_, at) => [
    paths[at],
    folders[at],
    others[at],
  ])
  const whole = mixed.flat().filter((name): name is string => name !== undefined && name !== '')
  return [...new Set(whole)].slice(0, 50)
}
