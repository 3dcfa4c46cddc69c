import { createServer } from 'node:http'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { createE2bProvider } from '../../../../src/runtime/sandbox/e2b/e2b-provider.ts'
import { gate } from '../../../support/app.ts'
import { type E2bService, type Fault, openE2bService } from '../../../support/sandbox/e2b/service.ts'

const never = new AbortController().signal
const spec = { template: 'desk', network: false, memoryMb: 1, pids: 1, diskMb: 1, ttlSeconds: 600 }
const labels = { installation: 'test', rollout: '1', name: 'shell', generation: '1' }
const command = { key: 'one', argv: ['true'], timeoutSeconds: 5, maxOutputBytes: 100 }
const opened: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const { close } of opened.splice(0)) await close()
})

const open = async (options: Partial<Parameters<typeof openE2bService>[0]> = {}): Promise<E2bService> => {
  const service = await openE2bService({ templates: { desk: '/nowhere' }, ...options })
  opened.push(service)
  return service
}
/** A service that answers everything with this. */
const answering = async (status: number, headers: Record<string, string>, body: string) => {
  const server = createServer((_, response) => response.writeHead(status, headers).end(body))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  opened.push({ close: () => new Promise<void>((resolve) => server.close(() => resolve())) })
  const address = server.address()
  const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`
  return createE2bProvider({ apiKey: 'e2b_secret', apiUrl: url, sandboxUrl: url })
}

describe('the e2b provider', () => {
  it('can be used if the service accepts the key, and says otherwise what is wrong', async () => {
    const { settings } = await open()
    expect(await createE2bProvider(settings).problem()).toBeUndefined()
    expect(await createE2bProvider({ ...settings, apiKey: 'e2b_wrong' }).problem()).toBe(
      'E2B rejected the API key (401)',
    )
    expect(await createE2bProvider({ ...settings, apiUrl: 'http://127.0.0.1:9' }).problem()).toBe(
      'the connection to E2B (127.0.0.1:9) failed or was lost',
    )
  })

  it('refuses an unknown template and a time to live that the account may not have, with what the service says', async () => {
    const provider = createE2bProvider((await open()).settings)
    await expect(provider.create({ ...spec, template: 'none' }, labels, never)).rejects.toMatchObject({
      code: 'refused',
      message: 'the template none does not exist',
    })
    await expect(provider.create({ ...spec, ttlSeconds: 90_000 }, labels, never)).rejects.toMatchObject({
      code: 'refused',
      message: 'E2B could not create a sandbox (400): Timeout cannot be greater than 24 hours',
    })
  })

  it('finds all sandboxes with the labels, whatever the pages', async () => {
    const provider = createE2bProvider((await open({ pageSize: 3 })).settings)
    const handles = new Set<string>()
    for (let rollout = 1; rollout <= 8; rollout += 1) {
      handles.add((await provider.create(spec, { ...labels, rollout: String(rollout) }, never)).handle)
    }
    await provider.create(spec, { ...labels, installation: 'other' }, never)
    const found = await provider.find({ installation: 'test' }, never)
    expect(new Set(found.map(({ handle }) => handle))).toEqual(handles)
    expect(found).toHaveLength(8)
  })

  it.each([
    ['a server error', 'unavailable', 500, {}, '{"code":500,"message":"e2b_secret is broken"}'],
    ['a page of a proxy', 'unavailable', 502, {}, '<html>'],
    ['a conflict', 'unavailable', 409, {}, '{"code":409,"message":"changing"}'],
    ['a refusal', 'refused', 400, {}, '{"code":400,"message":"no, e2b_secret"}'],
    ['a redirect that leads nowhere', 'unavailable', 302, { location: 'http://127.0.0.1:9/' }, ''],
  ])('rejects %s as %s, and repeats no key', async (_, code, status, headers, body) => {
    const provider = await answering(status, headers, body)
    const outcomes = await Promise.allSettled([
      provider.create(spec, labels, never),
      provider.find(labels, never),
      provider.alive('i1', never),
      provider.extend('i1', 60, never),
      provider.close('i1', never),
      provider.exec('i1', command, AbortSignal.timeout(5_000)),
    ])
    for (const outcome of outcomes) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: { name: 'SandboxError', code } })
      expect(outcome.status === 'rejected' && String(outcome.reason)).not.toContain('e2b_secret')
    }
  })

  it.each(['hello', '{"sandboxID":7}', '"text"'])(
    'rejects a response that it cannot read, such as %j',
    async (body) => {
      const provider = await answering(200, {}, body)
      const asked = [
        () => provider.create(spec, labels, never),
        () => provider.find(labels, never),
        () => provider.alive('i1', never),
      ]
      for (const ask of asked) await expect(ask()).rejects.toMatchObject({ name: 'SandboxError', code: 'unavailable' })
    },
  )

  it.each<[string, Fault]>([
    ['fails with 500', { status: 500 }],
    ['succeeds and is answered with 502', { status: 502, isDone: true }],
    ['is answered with 503', { status: 503, headers: { 'retry-after': '0' } }],
    ['succeeds and is answered with 504', { status: 504, isDone: true }],
    ['is answered with 408', { status: 408, headers: { 'retry-after': '0' } }],
    ['is answered with 409', { status: 409 }],
    ['is rejected with 429 for the limit of the account, which names no pause', { status: 429 }],
    ['loses its connection', { status: 0 }],
    ['succeeds and loses its connection', { status: 0, isDone: true }],
  ])('does not repeat a creation that %s', async (_, wrong) => {
    const { settings, asked } = await open({
      fault: ({ method, path }) => (method === 'POST' && path === '/v2/sandboxes' ? wrong : undefined),
    })
    const provider = createE2bProvider(settings)
    // A connection that was used before is taken again.
    await provider.find(labels, never)
    await expect(provider.create(spec, labels, never)).rejects.toMatchObject({ code: 'unavailable' })
    expect(asked.filter(({ method }) => method === 'POST')).toHaveLength(1)
    expect(await provider.find(labels, never)).toHaveLength(wrong.isDone === true ? 1 : 0)
  })

  it('does not repeat a creation that its caller gives up', async () => {
    const creation = gate()
    const { settings, asked } = await open({
      async fault({ method }) {
        if (method === 'POST') await creation.pass()
        return undefined
      },
    })
    const provider = createE2bProvider(settings)
    const leaving = new AbortController()
    const left = provider.create(spec, labels, leaving.signal).catch((error: unknown) => error)
    await creation.reached
    leaving.abort(new Error('the caller left'))
    expect(await left).toEqual(new Error('the caller left'))
    creation.open()
    await expect.poll(() => provider.find(labels, never)).toHaveLength(1)
    expect(asked.filter(({ method }) => method === 'POST')).toHaveLength(1)
    // Nothing is sent for a caller that has left already.
    await expect(provider.create(spec, labels, leaving.signal)).rejects.toThrow('the caller left')
    expect(asked.filter(({ method }) => method === 'POST')).toHaveLength(1)
  })

  it('takes nothing from variables of the environment that the package knows', async () => {
    const { settings } = await open()
    vi.stubEnv('E2B_DEBUG', 'true')
    vi.stubEnv('E2B_DOMAIN', 'elsewhere.example')
    vi.stubEnv('E2B_API_URL', 'http://127.0.0.1:9')
    const provider = createE2bProvider(settings)
    const { handle } = await provider.create(spec, labels, never)
    expect(await provider.find(labels, never)).toEqual([{ handle, labels }])
    vi.unstubAllEnvs()
  })

  it('rejects a list that never ends', async () => {
    const provider = await answering(200, { 'x-next-token': 'again' }, '[]')
    await expect(provider.find(labels, never)).rejects.toMatchObject({ code: 'unavailable' })
  })

  it('gives up a pause after a 429 with the reason of the signal', async () => {
    const provider = await answering(429, { 'retry-after': '20' }, '{}')
    const leaving = new AbortController()
    const asked = provider.close('i1', leaving.signal)
    setTimeout(() => leaving.abort(new Error('the caller left')), 50)
    await expect(asked).rejects.toThrow('the caller left')
  })

  it('rejects a command of a sandbox that does not exist as gone', async () => {
    const provider = createE2bProvider((await open()).settings)
    await expect(provider.exec('i0', command, never)).rejects.toMatchObject({ code: 'gone' })
  })

  it('does not resume a paused sandbox, whose time to live it does not know, but lists it and closes it', async () => {
    const { settings, asked, boxes } = await open()
    const { handle } = await createE2bProvider(settings).create(spec, labels, never)
    const box = boxes.get(handle)
    if (box !== undefined) box.state = 'paused'
    const provider = createE2bProvider(settings)
    const rejected = { code: 'unavailable', message: `the sandbox ${handle} is paused` }
    await expect(provider.exec(handle, command, never)).rejects.toMatchObject(rejected)
    expect(asked.filter(({ path }) => path.endsWith('/connect'))).toEqual([])
    expect(await provider.find(labels, never)).toEqual([{ handle, labels }])
    await provider.close(handle, never)
    expect(boxes.size).toBe(0)
  })

  it.each([
    ['with a U+0000', 'a\0b', 'a command cannot contain U+0000'],
    [
      'that the kernel would not pass on',
      'x'.repeat(130_000),
      'the command is too long; pass what is long as input, or write it to a file',
    ],
  ])('refuses a command %s before it begins', async (_, argument, message) => {
    const { settings, asked } = await open()
    const provider = createE2bProvider(settings)
    const { handle } = await provider.create(spec, labels, never)
    const refused = { code: 'refused', message }
    await expect(provider.exec(handle, { ...command, argv: ['echo', argument] }, never)).rejects.toMatchObject(refused)
    expect(asked).toHaveLength(1)
  })
})
