import { describe, expect, it } from 'vitest'
import { createEmbed } from '../../../src/runtime/embeddings.ts'
import { serveEmbeddings } from '../../support/embeddings.ts'
import { useClosing } from '../../support/temporary.ts'

const closing = useClosing()
const serve = async (...args: Parameters<typeof serveEmbeddings>) => closing(await serveEmbeddings(...args))
const vectorOf = (text: string) => [text.length, 1]

describe('an embeddings endpoint', () => {
  it('receives batches and returns vectors in the order of the texts', async () => {
    const { url, requests } = await serve(vectorOf)
    const embed = createEmbed({ url, model: 'm', apiKey: 'secret', batchSize: 2 })
    expect(await embed(['a', 'bb', 'ccc'])).toEqual([
      [1, 1],
      [2, 1],
      [3, 1],
    ])
    expect(requests.map(({ texts }) => texts)).toEqual([['a', 'bb'], ['ccc']])
    expect(requests[0]).toMatchObject({ key: 'Bearer secret', model: 'm' })
  })

  it('works with a slash at the end of its address and without a key', async () => {
    const { url, requests } = await serve(vectorOf)
    expect(await createEmbed({ url: `${url}/`, model: 'm' })(['a'])).toEqual([[1, 1]])
    expect(requests[0]?.key).toBeUndefined()
  })

  it('is retried after a 429 and a 503, no sooner than Retry-After says', async () => {
    const refusals = [{ status: 429, headers: { 'retry-after': '7' } }, { status: 503 }]
    const { url, requests } = await serve(vectorOf, (request) => refusals[request - 1])
    const waits: number[] = []
    const wait = async (milliseconds: number) => void waits.push(milliseconds)
    expect(await createEmbed({ url, model: 'm', pauseMs: 100, wait })(['a'])).toEqual([[1, 1]])
    expect(requests).toHaveLength(3)
    expect(waits).toHaveLength(2)
    expect(waits[0]).toBe(7_000)
    expect(waits[1]).toBeGreaterThanOrEqual(150)
    expect(waits[1]).toBeLessThanOrEqual(250)
  })

  it('is not retried after a 401, and the error names the address but not the key', async () => {
    const { url, requests } = await serve(vectorOf, () => ({ status: 401 }))
    const failing = createEmbed({ url: url.replace('http://', 'http://user:pass@'), model: 'm', apiKey: 'secret' })
    const error = await failing(['a']).catch((reason: unknown) => String(reason))
    expect(error).toContain(`no embeddings from ${url}: HTTP 401`)
    expect(error).not.toMatch(/secret|pass/)
    expect(requests).toHaveLength(1)
  })

  it('repeats a key in its refusal, and the error redacts it', async () => {
    const fetch = async () => new Response('{"error":"wrong key: sk-very-secret, user:hunter2"}', { status: 401 })
    const failing = createEmbed({ url: 'http://user:hunter2@e.example', model: 'm', apiKey: 'sk-very-secret', fetch })
    const error = await failing(['a']).catch((reason: unknown) => String(reason))
    expect(error).toContain('HTTP 401 {"error":"wrong key: […], user:[…]"}')
  })

  it('has a key of one letter, and the error is readable', async () => {
    const fetch = async () => new Response('the model does not exist', { status: 404 })
    await expect(createEmbed({ url: 'http://e.example', model: 'm', apiKey: 'e', fetch })(['a'])).rejects.toThrow(
      'HTTP 404 the model does not exist',
    )
  })

  it('takes a user and a password from its address', async () => {
    const { url, requests } = await serve(vectorOf)
    await createEmbed({ url: url.replace('http://', 'http://user:p%40ss@'), model: 'm' })(['a'])
    expect(requests[0]?.key).toBe(`Basic ${Buffer.from('user:p@ss').toString('base64')}`)
  })

  it('fails after the configured number of tries, with its last message', async () => {
    const { url, requests } = await serve(vectorOf, () => ({ status: 500 }))
    await expect(createEmbed({ url, model: 'm', attempts: 3, pauseMs: 1 })(['a'])).rejects.toThrow(
      /after 3 tries: HTTP 500.*not now/,
    )
    expect(requests).toHaveLength(3)
  })

  it('fails if nothing listens, or if the answer has another format', async () => {
    const { url, close } = await serveEmbeddings(vectorOf)
    await close()
    await expect(createEmbed({ url, model: 'm', attempts: 2, pauseMs: 1 })(['a'])).rejects.toThrow('ECONNREFUSED')
    const answering =
      (body: string): typeof fetch =>
      async () =>
        new Response(body)
    const asking = (body: string) => createEmbed({ url, model: 'm', fetch: answering(body) })(['a', 'b'])
    await expect(asking('<html>')).rejects.toThrow('does not have OpenAI’s format')
    await expect(asking('{"data":[{"embedding":[1]}]}')).rejects.toThrow('1 vectors for 2 texts')
  })

  it('is aborted with the caller', async () => {
    const { url } = await serve(vectorOf, () => ({ status: 503, headers: { 'retry-after': '30' } }))
    const asking = createEmbed({ url, model: 'm' })(['a'], AbortSignal.timeout(100))
    await expect(asking).rejects.toThrow(/abort|timeout/i)
  })

  it('is retried if it does not answer in time', async () => {
    const silent: typeof fetch = (_, init) =>
      new Promise((_resolve, reject) => init?.signal?.addEventListener('abort', () => reject(init.signal?.reason)))
    const embed = createEmbed({
      url: 'http://unused.test',
      model: 'm',
      fetch: silent,
      timeoutMs: 20,
      attempts: 2,
      pauseMs: 1,
    })
    await expect(embed(['a'])).rejects.toThrow('after 2 tries: no answer in 20 ms')
  })
})
