import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineTool, testApp } from '../../../support/app.ts'
import { useDatabase } from '../../../support/database.ts'
import { responseOf, rowOf, said } from '../../../support/nemo-gym/bodies.ts'
import { recordOf, start } from '../../../support/nemo-gym/environment.ts'

const database = useDatabase()

describe('the mount for verifiers', () => {
  it('takes equal calls with the first cookie for different calls', async () => {
    const { client } = start(database, '/verifiers', 'first')
    const row = rowOf('verifiers?', 'yes')
    await client.post('/seed_session', row)
    expect((await client.post('/search', { q: 'a' })).text).toBe('1 hit for a: verifiers?')
    expect((await client.post('/search', { q: 'a' })).text).toBe('2 hit for a: verifiers?')
    const verified = await client.post('/verify', { ...row, response: responseOf(said('yes')) })
    expect(verified.json).toMatchObject({ reward: 12, calls: 2, responses_create_params: {}, response: {} })
    expect((await recordOf(database, verified.headers.get('x-rollout-id'))).wire).toBe('verifiers')
  })

  it('gives a path for MCP below its own, with a token, to a row that asks for it', async () => {
    const { client } = start(database, '/verifiers', 'first')
    const seeded = await client.post('/seed_session', rowOf('mcp?', 'yes', { _ng_mcp: true }))
    expect(seeded.json).toEqual({
      mcp: {
        server_name: 'scorekeeper',
        url_path: '/mcp',
        transport: 'http',
        headers: { 'X-NeMo-Gym-Session-Token': expect.stringMatching(/^[\w.-]+$/) },
      },
    })
  })
})

describe('a server with these wires', () => {
  it.each(['verify', 'seed_session', 'aggregate_metrics', 'mcp'])('refuses to start with a tool named %s', (name) => {
    const tool = defineTool({ name, description: 'Says.', input: z.object({}), effects: 'none', run: () => 'a' })
    expect(() => testApp(database, { tools: [tool] })).toThrow(`needs the address "${name}" for itself`)
  })
})
