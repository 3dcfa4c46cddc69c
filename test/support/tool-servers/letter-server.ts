import { McpServer } from '@modelcontextprotocol/server'
import { z } from 'zod'

/** What a server of {@link createLetterServer} has done. */
export interface Letters {
  readonly sent: { readonly to: string; readonly meta: unknown }[]
  /** Runs before a letter is sent. */
  readonly beforeSending?: (signal: AbortSignal) => Promise<void>
}

/** An MCP server of another project: it sends letters, and refuses those to nobody. */
export function createLetterServer(letters: Letters): McpServer {
  const server = new McpServer({ name: 'letters', version: '1.0.0' })
  server.registerTool(
    'send_letter',
    {
      description: 'Send a letter.',
      inputSchema: z.object({ to: z.string(), pages: z.number().int().min(1).optional() }),
    },
    async ({ to }, { mcpReq }) => {
      if (to === 'nobody') return { content: [{ type: 'text', text: 'there is no "nobody"' }], isError: true }
      if (to === 'crash') throw new Error('crashed')
      await letters.beforeSending?.(mcpReq.signal)
      letters.sent.push({ to, meta: mcpReq._meta })
      return { content: [{ type: 'text', text: `sent to ${to}` }] }
    },
  )
  server.registerTool('count', { description: 'Count the letters.', inputSchema: z.object({}) }, () => ({
    content: [],
    structuredContent: { letters: letters.sent.length, pid: process.pid },
  }))
  return server
}
