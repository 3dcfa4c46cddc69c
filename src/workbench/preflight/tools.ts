import { z } from 'zod'
import { type DatasetItem, type ToolDefinition, textOf, toolDefinition } from '../simulate/agent.ts'
import type { KnownTool } from './desk.ts'
import { exampleOf } from './example-arguments.ts'

/** Where the tools that are called come from. */
export interface ToolSources {
  /** Those that the server says it has; undefined where it does not say. */
  readonly offered: readonly ToolDefinition[] | undefined
  readonly items: readonly DatasetItem[]
  /** These alone, where some are named. */
  readonly only: readonly string[]
  /** What tools are called with, by their names. */
  readonly calls: Readonly<Record<string, unknown>>
}

/**
 * The tools that the dataset's rows name and the server offers, each with arguments to call it with: those that were
 * given, else such as its JSON Schema takes, with words of the first item's question.
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

/** A few words of what the model is asked, as it could search for them. */
function wordsOf(item: DatasetItem | undefined): string {
  const question = textOf(item?.messages.findLast(({ role }) => role === 'user')?.content)
  const words = question.split(/\s+/).filter((word) => /^[\p{L}\p{N}]{3,}$/u.test(word))
  return words.slice(0, 6).join(' ') || 'example'
}
