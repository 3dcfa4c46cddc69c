import { canonicalJson } from '../../base/json.ts'
import type { ToolDefinition } from '../../kit/tool-definitions.ts'
import type { RowTool } from './row.ts'

/**
 * Says how the tools of a row differ from those that the server offers, undefined where they do not. A row may offer fewer
 * of them.
 */
export function toolDifference(tools: readonly RowTool[], offered: readonly ToolDefinition[]): string | undefined {
  const names = tools.map((tool) => tool.function.name)
  const twice = names.find((name, at) => names.indexOf(name) !== at)
  if (twice !== undefined) return `the tool ${twice} is there twice`
  for (const { function: written } of tools) {
    const known = offered.find((tool) => tool.function.name === written.name)?.function
    if (known === undefined) return `the server has no tool ${written.name}`
    if (canonicalJson(written.parameters ?? {}) !== canonicalJson(known.parameters)) {
      return `the parameters of ${written.name} are not the server's`
    }
    if ((written.description ?? '') !== known.description)
      return `the description of ${written.name} is not the server's`
  }
  return undefined
}
