import type { Tool } from './define-tool.ts'

/** A tool definition in the chat completions format, as in the `tools` of a dataset row. */
export interface ToolDefinition {
  readonly type: 'function'
  readonly function: {
    readonly name: string
    readonly description: string
    /** JSON Schema of the arguments. */
    readonly parameters: Readonly<Record<string, unknown>>
  }
}

/** The definitions of tools, for dataset rows and `GET /tools`. */
export function toolDefinitions(tools: readonly Tool[]): ToolDefinition[] {
  return tools.map(({ name, description, parameters }) => ({
    type: 'function',
    function: { name, description, parameters },
  }))
}
