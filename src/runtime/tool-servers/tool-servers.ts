import type { ToolServer, ToolServerAddress, ToolServers } from '../../kit/tool-servers.ts'
import { connectHttpTool } from './http-tool.ts'
import { connectMcp, type McpConnection } from './mcp-connection.ts'

/** The options of {@link createToolServers}. */
export interface ToolServersOptions {
  /** The timeout of a connection, in seconds. */
  readonly connectSeconds?: number
  /** The maximum size of an answer's body, in bytes. */
  readonly maxBytes: number
}

/** Connections to other servers, until they are closed. */
export interface OpenToolServers extends ToolServers {
  /** Closes all connections and ends the servers that were started. Running calls fail. */
  close(): Promise<void>
}

/** Makes the connections to servers whose tools this one offers. */
export function createToolServers({ connectSeconds = 30, maxBytes }: ToolServersOptions): OpenToolServers {
  const opened: McpConnection[] = []
  return {
    async connect(address: ToolServerAddress): Promise<ToolServer> {
      if (address.kind === 'http') return await connectHttpTool(address, { connectSeconds, maxBytes })
      const connection = await connectMcp(address, connectSeconds)
      opened.push(connection)
      return connection
    },
    close: async () => void (await Promise.allSettled(opened.map((connection) => connection.close()))),
  }
}
