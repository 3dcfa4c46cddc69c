import { createServer } from 'node:http'
import { afterEach, describe, expect, it } from 'vitest'
import { createE2bProvider } from '../../../../src/runtime/sandbox/e2b/e2b-provider.ts'
import { frameOf, framesOf } from '../../../../src/runtime/sandbox/e2b/frames.ts'
import { type E2bService, openE2bService } from '../../../support/sandbox/e2b/service.ts'

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
    ['a response without an end', 'unavailable', 200, {}, `"${'x'.repeat(9 * 1024 ** 2)}"`],
    ['a redirect', 'unavailable', 302, { location: 'http://127.0.0.1:9/' }, ''],
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

  it.each(['hello', '{"sandboxID":7}', ''])('rejects a response that it cannot read, such as %j', async (body) => {
    const provider = await answering(200, {}, body)
    for (const asked of [() => provider.create(spec, labels, never), () => provider.find(labels, never)]) {
      await expect(asked()).rejects.toMatchObject({ code: 'unavailable' })
    }
  })

  it('rejects a list that never ends', async () => {
    const provider = await answering(200, { 'x-next-token': 'again' }, '[]')
    await expect(provider.find(labels, never)).rejects.toMatchObject({ code: 'unavailable' })
  })

  it('gives up with the reason of the signal', async () => {
    const { settings } = await open({
      fault: () => new Promise((resolve) => setTimeout(resolve, 2_000, undefined).unref()),
    })
    const provider = createE2bProvider(settings)
    const leaving = new AbortController()
    const asked = provider.create(spec, labels, leaving.signal)
    setTimeout(() => leaving.abort(new Error('the caller left')), 50)
    await expect(asked).rejects.toThrow('the caller left')
    const limited = createE2bProvider({ ...settings, apiUrl: 'http://127.0.0.1:9' })
    await expect(limited.create(spec, labels, leaving.signal)).rejects.toThrow('the caller left')
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
})

describe('the frames of a stream', () => {
  const read = async (...chunks: Uint8Array[]) => {
    const messages: unknown[] = []
    const all = async function* () {
      yield* chunks
    }
    for await (const { isLast, message } of framesOf(all())) messages.push(isLast ? ['last', message] : message)
    return messages
  }

  it('are read however the chunks are cut', async () => {
    const bytes = Buffer.concat([frameOf({ a: 'ü' }), frameOf({ b: [1] }), frameOf({}, 2)])
    for (let size = 1; size <= bytes.length; size += 1) {
      const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) =>
        bytes.subarray(at * size, (at + 1) * size),
      )
      expect(await read(...chunks)).toEqual([{ a: 'ü' }, { b: [1] }, ['last', {}]])
    }
  })

  it.each([
    ['one that is cut off', frameOf({ a: 1 }).subarray(0, 8)],
    ['one that is compressed', frameOf({ a: 1 }, 1)],
    ['one that is no JSON', Uint8Array.of(0, 0, 0, 0, 2, 123, 123)],
    ['one of four gigabytes', Uint8Array.of(0, 255, 255, 255, 255, 0)],
  ])('reject %s', async (_, bytes) => {
    await expect(read(bytes)).rejects.toMatchObject({ code: 'unavailable' })
  })
})
