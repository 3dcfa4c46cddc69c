import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { createAuthenticator } from '../../../../src/server/auth/authenticate.ts'
import { parseApiKeys } from '../../../../src/server/auth/keys.ts'
import { defineTool, testApp } from '../../../support/app.ts'
import { useDatabase } from '../../../support/database.ts'
import { responseOf, rowOf, said } from '../../../support/nemo-gym/bodies.ts'
import { clientOf } from '../../../support/nemo-gym/client.ts'
import { codeOf, recordOf, rewardOf, start } from '../../../support/nemo-gym/environment.ts'

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

  it('lets in keys of its run alone, with the scope of each address', async () => {
    const keys = parseApiKeys(
      'one:tools+grade@gym-a=key-of-the-run-a two:tools+grade@gym-b=key-of-the-run-b three:tools@gym-a=key-without-grade',
    )
    const authenticate = createAuthenticator({ keys, keyHeaders: [] })
    const { app } = start(database, '/verifiers', 'first', { authenticate })
    const by = (key: string) => ({ authorization: `Bearer ${key}`, 'content-type': 'application/json' })
    const client = clientOf((path, init) => app.request(`/verifiers${path}`, init), 'first', by('key-of-the-run-a'))
    const row = rowOf('keys?', 'yes')
    await client.post('/seed_session', row)
    const asking = async (headers: Record<string, string>, path: string, body: unknown) => {
      const cookie = client.cookie() ?? ''
      const sent = { method: 'POST', headers: { ...headers, cookie }, body: JSON.stringify(body) }
      const answer = await app.request(`/verifiers${path}`, sent)
      return [answer.status, codeOf(await answer.json())]
    }
    const verification = { ...row, response: responseOf(said('yes')) }
    expect(await asking({}, '/search', { q: 'a' })).toEqual([401, 'missing_token'])
    expect(await asking(by('key-of-the-run-b'), '/search', { q: 'a' })).toEqual([403, 'run_forbidden'])
    expect(await asking(by('key-of-the-run-b'), '/verify', verification)).toEqual([403, 'run_forbidden'])
    expect(await asking(by('key-without-grade'), '/verify', verification)).toEqual([403, 'insufficient_scope'])
    expect(rewardOf((await client.post('/verify', verification)).json)).toBe(10)
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
