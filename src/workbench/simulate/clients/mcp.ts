import { z } from 'zod'
import { deliver, NotDelivered } from '../deliver.ts'
import { gradeByAgentRft } from './agent-rft.ts'
import { parsed, type TrainerClient, type TrainerWire } from './trainer-wire.ts'

const minted = z.looseObject({ token: z.string(), rollout: z.string() })
const content = z.array(z.looseObject({ type: z.string(), text: z.string().default('') }))
const answered = z.looseObject({ result: z.looseObject({ content, isError: z.boolean().default(false) }) })
const failed = z.looseObject({ error: z.looseObject({ message: z.string() }) })

/** The revision of the protocol that is spoken. */
const revision = '2026-07-28'

/** The key by which a repeated call is recognized. */
const callKey = 'scorekeeper/call-id'

/**
 * Plays a rollout with the tools as an MCP server: a token names the rollout, each call carries a key of its own so that its
 * repetitions are recognized, and the score is asked for over Agent RFT.
 *
 * @param base the address of the wire
 */
export const mcp =
  (base: string): TrainerWire =>
  async ({ item, settings, signal }): Promise<TrainerClient> => {
    const opened = await deliver(`${base}/rollouts`, { item }, settings, signal)
    const read = minted.safeParse(parsed(opened.text))
    if (!read.success) throw new NotDelivered([`http_${opened.status}`])
    const { token, rollout } = read.data
    const about = {
      'io.modelcontextprotocol/protocolVersion': revision,
      'io.modelcontextprotocol/clientCapabilities': {},
    }
    let id = 0
    return {
      rollout,
      async call({ callId, tool, arguments: text }) {
        id += 1
        const meta = { ...about, [callKey]: callId }
        const params = { name: tool, arguments: parsed(text) ?? {}, _meta: meta }
        const headers = {
          ...settings.headers,
          accept: 'application/json, text/event-stream',
          'mcp-protocol-version': revision,
          'mcp-method': 'tools/call',
          'mcp-name': tool,
          'x-scorekeeper-rollout': token,
        }
        const message = { jsonrpc: '2.0', id, method: 'tools/call', params }
        return await deliver(base, message, { ...settings, headers }, signal, { textOf })
      },
      grade: (answer, calls, ending) => gradeByAgentRft({ id: rollout, item, settings, signal: ending }, answer, calls),
    }
  }

/** What the model reads of an answer: the content of a result, or the message of an error. */
function textOf(answer: string): string {
  const message = messageIn(answer)
  const result = answered.safeParse(message).data?.result
  if (result !== undefined) return result.content.map(({ text }) => text).join('')
  return failed.safeParse(message).data?.error.message ?? answer
}

/** The message of an answer, which is JSON or one event of a stream. */
const messageIn = (text: string): unknown => parsed(text) ?? parsed(/^data: ?(.*)$/m.exec(text)?.[1] ?? '')
