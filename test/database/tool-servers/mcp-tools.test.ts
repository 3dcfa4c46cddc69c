import { fileURLToPath } from 'node:url'
import { describe, expect, it, onTestFinished } from 'vitest'
import { loadTools, type RemoteTools } from '../../../src/kit/remote-tools.ts'
import { createToolServers } from '../../../src/runtime/tool-servers/tool-servers.ts'
import { environment, gate, gradingOf, post, testApp, toolCall } from '../../support/app.ts'
import { useDatabase } from '../../support/database.ts'
import type { Letters } from '../../support/tool-servers/letter-server.ts'
import { serveLetters } from '../../support/tool-servers/served.ts'

const database = useDatabase()
const { toolsFrom } = environment

const grader = environment.defineGrader({ name: 'any', version: '1', grade: () => 1 })
const stdio = {
  command: process.execPath,
  args: ['--import', 'tsx', fileURLToPath(new URL('../../support/tool-servers/stdio-server.ts', import.meta.url))],
}

async function load(...sources: readonly RemoteTools[]) {
  const servers = createToolServers({ maxBytes: 100_000, connectSeconds: 20 })
  onTestFinished(() => servers.close())
  return await loadTools(sources, servers)
}

async function appOf(...sources: readonly RemoteTools[]) {
  return testApp(database, { tools: await load(...sources), graders: [grader] })
}

describe('toolsFrom', () => {
  it('offers the tools of an MCP server with its names, descriptions and schemas', async () => {
    const { url } = await serveLetters({ sent: [] })
    const app = await appOf(toolsFrom({ mcp: url }))
    const offered: unknown = await (await app.request('/tools')).json()
    expect(offered).toMatchObject([
      {
        function: {
          name: 'send_letter',
          description: 'Send a letter.',
          parameters: { type: 'object', properties: { to: { type: 'string' } }, required: ['to'] },
        },
      },
      { function: { name: 'count' } },
    ])
  })

  it('offers the chosen tools under other names', async () => {
    const { url } = await serveLetters({ sent: [] })
    const tools = await load(toolsFrom({ mcp: new URL(url), only: ['count'], rename: (name) => `letters_${name}` }))
    expect(tools.map(({ name, effects }) => [name, effects])).toEqual([['letters_count', 'external']])
  })

  it('makes a call once, however often and however concurrently it is retried', async () => {
    const held = gate()
    const letters: Letters = { sent: [], beforeSending: held.pass }
    const { url } = await serveLetters(letters)
    const source = toolsFrom({ mcp: url })
    const [one, other] = [await appOf(source), await appOf(source)]
    const call = toolCall('send_letter', 'once', 'c1', { to: 'Ada' })
    const first = post(one, '/tools/send_letter', call)
    await held.reached
    const again = post(other, '/tools/send_letter', call)
    held.open()
    const answers = [await first, await again, await post(other, '/tools/send_letter', call)]
    expect(answers.map(({ body }) => body.output)).toEqual(['sent to Ada', 'sent to Ada', 'sent to Ada'])
    expect(letters.sent).toEqual([{ to: 'Ada', meta: expect.objectContaining({ 'scorekeeper/call-id': 'c1' }) }])
  })

  it('tells the server the run, the rollout and the call, which is the same for each execution', async () => {
    const letters: Letters = { sent: [] }
    const { url } = await serveLetters(letters)
    const app = await appOf(toolsFrom({ mcp: url }))
    await post(app, '/runs/mail/tools/send_letter', toolCall('send_letter', 'told', 'c7', { to: 'Ada' }))
    expect(letters.sent[0]?.meta).toMatchObject({
      'scorekeeper/run': 'mail',
      'scorekeeper/rollout-id': 'told',
      'scorekeeper/call-id': 'c7',
      'scorekeeper/execution': 1,
    })
  })

  it("refuses a call that the server's tool refuses, and arguments that do not fit its schema", async () => {
    const letters: Letters = { sent: [] }
    const { url } = await serveLetters(letters)
    const app = await appOf(toolsFrom({ mcp: url }))
    const refused = await post(app, '/tools/send_letter', toolCall('send_letter', 'refused', 'c1', { to: 'nobody' }))
    expect(refused).toMatchObject({ status: 200, body: { output: 'there is no "nobody"' } })
    expect(refused.headers.get('x-outcome')).toBe('refused')
    const unfit = await post(app, '/tools/send_letter', toolCall('send_letter', 'refused', 'c2', { to: 3 }))
    expect(unfit.headers.get('x-outcome')).toBe('refused')
    expect(unfit.body.output).toBe(
      'invalid arguments: /to must be string. send_letter takes {"to": string, "pages"?: integer}; call it again with those',
    )
    expect(letters.sent).toEqual([])
  })

  it('fails a call that takes too long, and cancels it on the server', async () => {
    const cancelled = gate()
    cancelled.open()
    const letters: Letters = {
      sent: [],
      beforeSending: (signal) =>
        new Promise((resolve) => {
          signal.addEventListener('abort', () => resolve(cancelled.pass()))
        }),
    }
    const { url } = await serveLetters(letters)
    const app = await appOf(toolsFrom({ mcp: url, timeoutSeconds: 0.3 }))
    const late = await post(app, '/tools/send_letter', toolCall('send_letter', 'late', 'c1', { to: 'Ada' }))
    expect(late).toMatchObject({ status: 504, body: { error: { code: 'tool_timed_out' } } })
    await cancelled.reached
  })

  it('answers structured content as JSON', async () => {
    const { url } = await serveLetters({ sent: [] })
    const app = await appOf(toolsFrom({ mcp: url, effects: { count: 'none' } }))
    const { body } = await post(app, '/tools/count', toolCall('count', 'counted', 'c1'))
    expect(body.output).toBe(`{"letters":0,"pid":${process.pid}}`)
  })

  it('fails while the server is unavailable, leaves the rollout unscored, and connects again', async () => {
    const letters: Letters = { sent: [] }
    const served = await serveLetters(letters)
    const app = await appOf(toolsFrom({ mcp: served.url }))
    await served.stop()
    const call = toolCall('send_letter', 'away', 'c1', { to: 'Ada' })
    const failed = await post(app, '/tools/send_letter', call)
    expect(failed).toMatchObject({ status: 503, body: { error: { code: 'tool_server_unavailable' } } })
    expect((await post(app, '/grade', gradingOf('away', 'done'))).status).toBe(500)
    await serveLetters(letters, Number(new URL(served.url).port))
    expect((await post(app, '/tools/send_letter', call)).body.output).toBe('sent to Ada')
    expect((await post(app, '/grade', gradingOf('away', 'done'))).body.score).toBe(1)
  })

  it('starts a server on standard input and output, and ends it', async () => {
    const servers = createToolServers({ maxBytes: 100_000 })
    const tools = await loadTools([toolsFrom({ mcp: stdio })], servers)
    const app = testApp(database, { tools })
    const { body } = await post(app, '/tools/send_letter', toolCall('send_letter', 'stdio', 'c1', { to: 'Ada' }))
    expect(body.output).toBe('sent to Ada')
    await servers.close()
    const late = await post(app, '/tools/send_letter', toolCall('send_letter', 'stdio', 'c2', { to: 'Bob' }))
    expect(late.status).toBe(503)
  })

  it.each([
    [
      { mcp: 'http://127.0.0.1:59/mcp?key=hidden' },
      'the MCP server at http://127.0.0.1:59 cannot be reached: ECONNREFUSED; start it, or correct its address',
    ],
    [
      { mcp: { command: 'no-such-command' } },
      'the MCP server "no-such-command" cannot be reached: ENOENT; correct the command in toolsFrom',
    ],
    [
      { mcp: 'ftp://127.0.0.1/' },
      'cannot be reached: the address does not begin with http:// or https:// and a host; start it, or correct its address',
    ],
  ])('says at the start that %j cannot be reached', async (spec, message) => {
    await expect(load(toolsFrom(spec))).rejects.toThrow(message)
  })

  it('says at the start which tool is not there, or cannot be offered', async () => {
    const { url } = await serveLetters({ sent: [] })
    await expect(load(toolsFrom({ mcp: url, only: ['sned'] }))).rejects.toThrow(
      'has no tool "sned", which toolsFrom names; it offers: send_letter, count',
    )
    await expect(load(toolsFrom({ mcp: url, rename: (name) => `letters.${name}` }))).rejects.toThrow(
      'has a tool with the name "letters.send_letter", but models accept at most 64 letters, digits, _ and -',
    )
  })
})
