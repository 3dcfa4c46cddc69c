import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { createAuthenticator } from '../../../../src/server/auth/authenticate.ts'
import { parseApiKeys } from '../../../../src/server/auth/keys.ts'
import { defineTool, testApp } from '../../../support/app.ts'
import { useDatabase } from '../../../support/database.ts'
import { called, heard, responseOf, rowOf, said } from '../../../support/nemo-gym/bodies.ts'
import { clientOf } from '../../../support/nemo-gym/client.ts'
import { codeOf, recordOf, rewardOf, start } from '../../../support/nemo-gym/environment.ts'
import { serve } from '../../../support/tool-servers/served.ts'

const database = useDatabase()

const seed = z.object({
  mcp: z.looseObject({ url_path: z.string(), headers: z.object({ 'X-NeMo-Gym-Session-Token': z.string() }) }),
})

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
})

describe('a row that asks for MCP', () => {
  it.each(['/nemo-gym', '/verifiers'])(
    'gets a session below %s, whose calls are those of its rollout, and is verified over HTTP',
    async (mount) => {
      const { app, client } = start(database, mount)
      const row = rowOf(`mcp ${mount}?`, 'yes', { _ng_mcp: true })
      const seeded = seed.parse((await client.post('/seed_session', row)).json)
      expect(seeded.mcp).toMatchObject({ server_name: 'scorekeeper', url_path: '/mcp', transport: 'http' })
      const { url } = await serve((request) => app.fetch(request))
      const model = new Client({ name: 'harness', version: '1' })
      const requestInit = { headers: seeded.mcp.headers }
      const address = new URL(`${url}${mount}${seeded.mcp.url_path}`)
      await model.connect(new StreamableHTTPClientTransport(address, { requestInit }))
      expect((await model.listTools()).tools.map(({ name }) => name)).toEqual(['search', 'broken'])
      const { content } = await model.callTool({ name: 'search', arguments: { q: 'a' } })
      await model.close()
      const output = `1 hit for a: mcp ${mount}?`
      expect(content).toEqual([{ type: 'text', text: output }])
      const response = responseOf(called('mcp__scorekeeper__search', { q: 'a' }), heard(output), said('yes'))
      expect(rewardOf((await client.post('/verify', { ...row, response })).json)).toBe(11)
    },
  )
})

describe('a server with these wires', () => {
  it.each(['verify', 'seed_session', 'aggregate_metrics', 'mcp'])('refuses to start with a tool named %s', (name) => {
    const tool = defineTool({ name, description: 'Says.', input: z.object({}), effects: 'none', run: () => 'a' })
    expect(() => testApp(database, { tools: [tool] })).toThrow(`needs the address "${name}" for itself`)
  })
})
