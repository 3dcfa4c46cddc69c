import type { Tool } from './define-tool.ts'

/** A tool as the `tools` of a dataset's row define it, in the format of chat completions. */
export interface ToolDefinition {
  readonly type: 'function'
  readonly function: {
    readonly name: string
    readonly description: string
    /** JSON Schema of the arguments. */
    readonly parameters: Readonly<Record<string, unknown>>
  }
}

/** The definitions of tools, as a dataset's rows and `GET /tools` carry them. */
export function toolDefinitions(tools: readonly Tool[]): ToolDefinition[] {
  return tools.map(({ name, description, parameters }) => ({
    type: 'function',
    function: { name, description, parameters },
  }))
}
