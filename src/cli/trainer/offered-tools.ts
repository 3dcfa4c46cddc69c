import { type Tool, type ToolDefinition, toolDefinitions } from '../../kit/define-tool.ts'
import { loadTools, type ToolSource } from '../../kit/remote-tools.ts'
import type { ReadSettings, SettingsReader } from '../../kit/settings.ts'
import { createToolServers } from '../../runtime/tool-servers/tool-servers.ts'

/** The tools of an environment. Other servers are connected when a command needs their tools, and not before. */
export interface OfferedTools {
  /** Resolves with the definitions of all tools. */
  definitions(): Promise<readonly ToolDefinition[]>
  /** Resolves with the tools themselves; `close` ends the connections to other servers. */
  open(settings: ReadSettings): Promise<{ readonly tools: readonly Tool[]; close(): Promise<void> }>
}

/** The most bytes of an answer of another server's tool. */
const maxBytes = 1_048_576

/** Creates what the commands use of `tools/`. */
export function createOfferedTools(
  sources: readonly ToolSource[],
  reader: Pick<SettingsReader<unknown>, 'read'>,
  env: NodeJS.ProcessEnv,
): OfferedTools {
  const open = async (settings?: ReadSettings) => {
    const servers = createToolServers({ maxBytes })
    const tools = await loadTools(sources, servers, settings).catch(async (error: unknown) => {
      await servers.close()
      throw error
    })
    return { tools, close: servers.close }
  }
  return {
    open,
    async definitions() {
      // Definitions of this environment's own tools need no settings.
      const isOwn = sources.every((source) => !('load' in source))
      const { tools, close } = await open(isOwn ? undefined : settingsFrom(reader, env))
      await close()
      return toolDefinitions(tools)
    },
  }
}

function settingsFrom(reader: Pick<SettingsReader<unknown>, 'read'>, env: NodeJS.ProcessEnv): ReadSettings {
  const read = reader.read(env)
  if (!read.ok) throw new Error(read.problems.join('\n'))
  return read.settings
}
