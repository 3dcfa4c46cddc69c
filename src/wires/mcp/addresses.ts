import { z } from 'zod'
import { seedBody } from './seeding.ts'

const json = (schema: object) => ({ content: { 'application/json': { schema } } })

const rpc = {
  summary: 'One JSON-RPC message of MCP: initialize, server/discover, tools/list or tools/call.',
  security: [{ bearer: [] }],
  requestBody: { required: true, ...json({ type: 'object', properties: { jsonrpc: { const: '2.0' } } }) },
  responses: {
    200: { description: 'The result, or a JSON-RPC error.', ...json({ type: 'object' }) },
    202: { description: 'A notification was received.' },
  },
}

/** The addresses of this wire for the description of the server. */
export function addressesOf(): Record<string, object> {
  const { $schema: _, ...schema } = z.toJSONSchema(seedBody, { io: 'input', unrepresentable: 'any' })
  const text = { type: 'string' }
  const answer = {
    type: 'object',
    required: ['rollout', 'run', 'token', 'url'],
    properties: { rollout: text, run: text, token: text, url: text },
  }
  const token = { name: 'token', in: 'path', required: true, schema: text }
  return {
    '/': { post: rpc },
    '/{token}': { parameters: [token], post: rpc },
    '/rollouts': {
      post: {
        summary: 'Begin a rollout with an item; answers with its token, and its address for an MCP client.',
        security: [{ bearer: [] }],
        requestBody: { required: true, ...json(schema) },
        responses: { 200: { description: 'The rollout has begun.', ...json(answer) } },
      },
    },
  }
}
