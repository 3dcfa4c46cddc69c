import { describeIssues, hidingValues } from '../base/issues.ts'
import { type Tool, toolsWithSettings } from './define-tool.ts'
import { checkTimeout, type EnvironmentSpec, type NoSettings } from './environment.ts'
import { schemaScorer } from './scoring/json-schema.ts'
import type { ReadSettings, SettingsReader } from './settings.ts'
import { describeParameters } from './tool-parameters.ts'
import type { RemoteCall, RemoteDefinition, ToolServer, ToolServerAddress, ToolServers } from './tool-servers.ts'

/** A value, or how it is made from the environment's settings. */
export type FromSettings<Value, Settings> = Value | ((settings: Settings) => Value)

/**
 * Where the effects of a remote tool land: `external` for a tool that changes something, which the server runs once, and
 * `none` for one that only reads.
 */
export type RemoteEffects = 'none' | 'external'

interface RemoteHead<Settings> {
  /** Sent with every request, such as a key. */
  readonly headers?: FromSettings<Readonly<Record<string, string>>, Settings>
  /** The timeout of one call in seconds; the server's `TOOL_TIMEOUT_SECONDS` by default. */
  readonly timeoutSeconds?: number
}

/** A command that starts an MCP server. */
export interface ServerCommand {
  readonly command: string
  readonly args?: readonly string[]
  /** Environment variables of the process, in addition to PATH, HOME and the like. */
  readonly env?: Readonly<Record<string, string>>
  /** The working directory; the server's own by default. */
  readonly cwd?: string
}

/** The tools of an MCP server, offered by this one. */
export interface McpToolsSpec<Settings = NoSettings> extends RemoteHead<Settings> {
  /** The address of a server that speaks Streamable HTTP, or the command that starts one on standard input and output. */
  readonly mcp: FromSettings<string | URL | ServerCommand, Settings>
  /** The names of the tools that are offered; all by default. */
  readonly only?: readonly string[]
  /** Makes the name that the model uses from the server's; the same by default. */
  readonly rename?: (name: string) => string
  /** The effects of all tools, or of each by its name on that server; `external` by default. */
  readonly effects?: RemoteEffects | Readonly<Record<string, RemoteEffects>>
}

/** An address that takes a tool's arguments as a JSON body, offered as a tool. */
export interface HttpToolSpec<Settings = NoSettings> extends RemoteHead<Settings> {
  /** Where the arguments are posted to. */
  readonly url: FromSettings<string | URL, Settings>
  /** The name that the model uses; by default the last part of the address. */
  readonly name?: string
  /** Tells the model what the tool does; by default what the OpenAPI document says. */
  readonly description?: string
  /** JSON Schema of the arguments; by default that of the OpenAPI document. */
  readonly parameters?: Readonly<Record<string, unknown>>
  /** The address of the OpenAPI document; by default `/openapi.json` on the same server. */
  readonly openapi?: FromSettings<string | URL, Settings>
  /** `external` by default. */
  readonly effects?: RemoteEffects
  /**
   * The statuses that mean that the call is the model's fault, which then reads the answer; 400, 409 and 422 by default. All
   * others but 2xx are failures. Add 404 if it says that something was not found, and not that the address is wrong.
   */
  readonly refused?: readonly number[]
}

/** Tools of another server in the list of tools. They are read from it when the server starts. */
export interface RemoteTools {
  /** Connects, and makes the tools. Throws an Error that says why they cannot be offered. */
  load(servers: ToolServers, settings?: ReadSettings): Promise<readonly Tool[]>
}

/** An entry of the list of tools. */
export type ToolSource = Tool | RemoteTools

/** Makes the tools of a list: gives those of this server their settings, and reads those of other servers. */
export async function loadTools(
  sources: readonly ToolSource[],
  servers: ToolServers,
  settings?: ReadSettings,
): Promise<readonly Tool[]> {
  const loaded = sources.map(async (source) => {
    if ('load' in source) return await source.load(servers, settings)
    return settings === undefined ? [source] : toolsWithSettings([source], settings)
  })
  return (await Promise.all(loaded)).flat()
}

type Judged = Pick<EnvironmentSpec<unknown, unknown, unknown>, 'task'>

/** Makes the entry for an MCP server; called by {@link Environment.toolsFrom}. */
export function makeMcpTools<Settings>(
  environment: Judged,
  spec: McpToolsSpec<Settings>,
  reader: SettingsReader<Settings>,
): RemoteTools {
  const { only, rename = (name: string) => name, effects = 'external', timeoutSeconds } = spec
  return {
    async load(servers, read) {
      const given = valuesOf(reader, read)
      const address = mcpAddress(given(spec.mcp), given(spec.headers ?? {}))
      const server = await servers.connect(address)
      const where = placeOf(address)
      const named = [...(only ?? []), ...(typeof effects === 'string' ? [] : Object.keys(effects))]
      const unknown = named.find((name) => !server.tools.some((tool) => tool.name === name))
      if (unknown !== undefined) {
        const offered = server.tools.map(({ name }) => name).join(', ')
        throw new Error(`${where} has no tool "${unknown}", which toolsFrom names; it offers: ${offered || 'none'}`)
      }
      return server.tools
        .filter(({ name }) => only?.includes(name) ?? true)
        .map((definition) => {
          const own = typeof effects === 'string' ? effects : (effects[definition.name] ?? 'external')
          return remoteTool(environment, server, where, { ...definition, effects: own, timeoutSeconds }, rename)
        })
    },
  }
}

/** Makes the entry for an HTTP address; called by {@link Environment.toolFrom}. */
export function makeHttpTool<Settings>(
  environment: Judged,
  spec: HttpToolSpec<Settings>,
  reader: SettingsReader<Settings>,
): RemoteTools {
  const { name, description, parameters, effects = 'external', timeoutSeconds, refused = [400, 409, 422] } = spec
  return {
    async load(servers, read) {
      const given = valuesOf(reader, read)
      const url = String(given(spec.url))
      const openapi = spec.openapi === undefined ? besides(url) : String(given(spec.openapi))
      const headers = given(spec.headers ?? {})
      const address = { kind: 'http', url, headers, name, description, parameters, openapi, refused } as const
      const server = await servers.connect(address)
      const where = placeOf(address)
      return server.tools.map((tool) => remoteTool(environment, server, where, { ...tool, effects, timeoutSeconds }))
    },
  }
}

/** Makes the function that reads a value of a specification. */
function valuesOf<Settings>(reader: SettingsReader<Settings>, read: ReadSettings | undefined) {
  const settings = reader.accessor(read)
  return <Value extends object | string>(value: FromSettings<Value, Settings>): Value =>
    typeof value === 'function' ? value(settings()) : value
}

function mcpAddress(
  mcp: string | URL | ServerCommand,
  headers: Readonly<Record<string, string>>,
): Exclude<ToolServerAddress, { kind: 'http' }> {
  if (typeof mcp === 'string' || mcp instanceof URL) return { kind: 'mcp', url: String(mcp), headers }
  return { kind: 'command', command: mcp.command, args: mcp.args ?? [], env: mcp.env ?? {}, cwd: mcp.cwd }
}

const besides = (url: string) => (URL.canParse(url) ? new URL('/openapi.json', url).href : url)

/** A server's name in messages: no path, which may contain a key, and no arguments. */
export function placeOf(address: ToolServerAddress): string {
  if (address.kind === 'command') return `the MCP server "${address.command}"`
  const where = URL.canParse(address.url) ? new URL(address.url).origin : 'an invalid address'
  return address.kind === 'mcp' ? `the MCP server at ${where}` : `the tool at ${where}`
}

interface RemoteSpec extends RemoteDefinition {
  readonly effects: RemoteEffects
  readonly timeoutSeconds: number | undefined
}

function remoteTool(
  environment: Judged,
  server: ToolServer,
  where: string,
  spec: RemoteSpec,
  rename = (name: string) => name,
): Tool {
  const { description, parameters, effects, timeoutSeconds } = spec
  const name = rename(spec.name)
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(name)) {
    const rule = 'models accept at most 64 letters, digits, _ and -'
    throw new Error(`${where} has a tool with the name "${name}", but ${rule}; give it another one with \`rename\``)
  }
  checkTimeout('tool', { name, ...(timeoutSeconds !== undefined && { timeoutSeconds }) })
  const problemOf = argumentsCheck(where, name, parameters)
  const face = { name, description, parameters, timeoutSeconds, rows: false }
  type Context = Omit<RemoteCall, 'tool' | 'input' | 'signal'> & { signal(): AbortSignal }
  const opening =
    <Result>(result: (output: string) => Result) =>
    (args: unknown, item: unknown) => {
      const task = environment.task.safeParse(item, hidingValues)
      if (!task.success) {
        return { fits: false, problem: 'item', message: describeIssues(task.error, 'item') } as const
      }
      const problem = problemOf(args)
      if (problem !== undefined || !isObject(args)) {
        const takes = describeParameters(name, parameters, args)
        return { fits: false, problem: 'arguments', message: `${problem}. ${takes}; call it again with those` } as const
      }
      const run = async ({ run, rolloutId, callId, execution, signal }: Context) => {
        const call = { tool: spec.name, input: args, run, rolloutId, callId, execution, signal: signal() }
        return result(await server.call(call))
      }
      return { fits: true, run } as const
    }
  if (effects === 'none') return { ...face, effects, open: opening((output) => output) }
  return { ...face, effects, open: opening((output) => ({ output, change: undefined })) }
}

/** Makes the function that says what is wrong with arguments. Throws if the schema cannot be used. */
function argumentsCheck(where: string, name: string, parameters: Readonly<Record<string, unknown>>) {
  const unusable = (why: string) =>
    new Error(
      `${where} has a tool "${name}" with a schema that cannot be used: ${why}; correct it, or leave the tool out`,
    )
  if (parameters['type'] !== 'object') throw unusable('its "type" is not "object"')
  const score = compiled(parameters, unusable)
  return (args: unknown): string | undefined => {
    if (!isObject(args)) return 'the arguments must be an object'
    const { score: fits, reason } = score(args)
    return fits === 1 ? undefined : (reason ?? 'the arguments do not fit')
  }
}

function compiled(parameters: Readonly<Record<string, unknown>>, unusable: (why: string) => Error) {
  try {
    return schemaScorer(parameters)
  } catch (cause) {
    throw unusable(cause instanceof Error ? cause.message : String(cause))
  }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
