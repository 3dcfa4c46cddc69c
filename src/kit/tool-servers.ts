/** The tool of another server, as that server describes it. */
export interface RemoteDefinition {
  readonly name: string
  readonly description: string
  /** JSON Schema of the arguments. */
  readonly parameters: Readonly<Record<string, unknown>>
}

/** What another server is told of a call. */
export interface RemoteCall {
  /** The tool's name on that server. */
  readonly tool: string
  readonly input: Readonly<Record<string, unknown>>
  readonly run: string
  readonly rolloutId: string
  /** With the run and the rollout's id, the same for each execution of the call: a key for idempotency. */
  readonly callId: string
  readonly execution: number
  /** Aborted when the tool times out. */
  readonly signal: AbortSignal
}

/** A connection to another server. */
export interface ToolServer {
  readonly tools: readonly RemoteDefinition[]
  /**
   * Calls a tool and resolves with the text for the model. Throws a `ToolError` if that server refuses the call, any other
   * error if it fails or does not answer.
   */
  call(call: RemoteCall): Promise<string>
}

/** An MCP server that is reached over Streamable HTTP. */
export interface McpAddress {
  readonly kind: 'mcp'
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
}

/** An MCP server that this server starts, and talks to over the process's standard input and output. */
export interface McpCommand {
  readonly kind: 'command'
  readonly command: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly cwd: string | undefined
}

/** An address that takes a tool's arguments as a JSON body. */
export interface HttpAddress {
  readonly kind: 'http'
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly name: string | undefined
  readonly description: string | undefined
  /** JSON Schema of the arguments; undefined if the OpenAPI document has it. */
  readonly parameters: Readonly<Record<string, unknown>> | undefined
  /** The address of the OpenAPI document that describes the tool. */
  readonly openapi: string
  /** The statuses that mean that the call is the model's fault. */
  readonly refused: readonly number[]
}

export type ToolServerAddress = McpAddress | McpCommand | HttpAddress

/** Connects to other servers; throws an Error that says why one cannot be used. */
export interface ToolServers {
  connect(address: ToolServerAddress): Promise<ToolServer>
}
