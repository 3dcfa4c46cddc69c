import { createServer as createRawServer, type Socket } from 'node:net'
import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { readAllowedAddresses } from '../../../../src/runtime/outbound/addresses.ts'
import { createOutbound, type OutboundOptions } from '../../../../src/runtime/outbound/outbound.ts'
import { OutboundError } from '../../../../src/runtime/outbound/outbound-error.ts'
import { send } from '../../../../src/runtime/outbound/send.ts'
import { json, type Listening, listen } from '../../../support/outbound/listen.ts'
import { useClosing } from '../../../support/temporary.ts'

const closing = useClosing()
const start = async (...args: Parameters<typeof listen>): Promise<Listening> => closing(await listen(...args))
const outboundTo = (allowed: string, options: Partial<OutboundOptions> = {}) =>
  createOutbound({ allowed: readAllowedAddresses(allowed), seconds: 10, maxBytes: 1_000, ...options })
const failure = async (posting: Promise<unknown>): Promise<OutboundError> => {
  const error = await posting.then(
    () => new Error('it did not fail'),
    (reason: unknown) => reason,
  )
  if (error instanceof OutboundError) return error
  throw error
}

describe('a request to an address in the list', () => {
  it('posts JSON with the caller’s headers, and reads the JSON of the answer', async () => {
    const { origin, port, asked } = await start((response) => json(response, { score: 0.5 }, 201))
    const { post } = outboundTo(origin)
    const answer = await post(
      `${origin}/grade?code=k`,
      { item: 'é' },
      { headers: { 'X-Functions-Key': 'k', Authorization: 'Bearer k' } },
    )
    expect(answer).toEqual({ status: 201, contentType: 'application/json', json: { score: 0.5 } })
    expect(asked).toEqual([
      {
        method: 'POST',
        path: '/grade?code=k',
        body: '{"item":"é"}',
        headers: {
          'x-functions-key': 'k',
          authorization: 'Bearer k',
          accept: 'application/json',
          'accept-encoding': 'identity',
          'content-type': 'application/json',
          'content-length': '13',
          connection: 'close',
          host: `127.0.0.1:${port}`,
        },
      },
    ])
  })

  it('can go to localhost if the list has it', async () => {
    const { port, asked } = await start((response) => json(response, 1))
    const { post } = outboundTo(`http://localhost:${port}`, { resolve: async () => ['127.0.0.1'] })
    expect(await post(`http://localhost:${port}/`, {})).toMatchObject({ json: 1 })
    expect(asked[0]?.headers.host).toBe(`localhost:${port}`)
  })

  it('sends no headers of the connection or the destination', async () => {
    const { origin, port, asked } = await start((response) => json(response, 1))
    const headers = {
      Host: 'evil.example',
      'Content-Length': '1',
      'Transfer-Encoding': 'chunked',
      Connection: 'keep-alive, x-kept',
      'Keep-Alive': 'timeout=100',
      Upgrade: 'h2c',
      'HTTP2-Settings': 'AAMAAABkAARAAAAAAAIAAAAA',
      TE: 'trailers',
      Trailer: 'x',
      Expect: '100-continue',
      'Proxy-Authorization': 'Basic x',
      'Content-Type': 'text/plain',
      'Content-Encoding': 'gzip',
      'X-Kept': 'kept',
    }
    await outboundTo(origin).post(origin, { a: 1 }, { headers })
    expect(asked[0]?.body).toBe('{"a":1}')
    expect(asked[0]?.headers).toEqual({
      'x-kept': 'kept',
      accept: 'application/json',
      'accept-encoding': 'identity',
      'content-type': 'application/json',
      'content-length': '7',
      connection: 'close',
      host: `127.0.0.1:${port}`,
    })
  })

  it.each<[string, Record<string, string>]>([
    ['a line break in a value', { ok: 'ok', authorization: 'secret\r\nHost: evil.example' }],
    ['a bare line feed', { ok: 'ok', authorization: 'secret\nx: y' }],
    ['a bare carriage return', { ok: 'ok', authorization: 'secret\rx: y' }],
    ['a null character', { ok: 'ok', authorization: 'secret\u0000' }],
    ['a character beyond a byte', { ok: 'ok', authorization: 'secret\u010d\u010a' }],
    ['a line break in a name', { ok: 'ok', 'secret\r\nx': 'y' }],
    ['a space in a name', { ok: 'ok', 'secret x': 'y' }],
    ['no name', { ok: 'ok', '': 'secret' }],
    ['a line break in a header that is not sent', { ok: 'ok', host: 'secret\r\nx: y' }],
  ])('is refused with %s', async (_, headers) => {
    const { origin, asked } = await start((response) => json(response, 1))
    const error = await failure(outboundTo(origin).post(origin, {}, { headers }))
    expect(error).toMatchObject({ reason: 'refused', message: 'header 2 of 2 contains an invalid character' })
    expect(asked).toEqual([])
  })

  it('is refused with too many headers', async () => {
    const { origin, asked } = await start((response) => json(response, 1))
    const { post } = outboundTo(origin)
    const many = Object.fromEntries(Array.from({ length: 65 }, (_, index) => [`x-${index}`, 'x']))
    expect(await failure(post(origin, {}, { headers: many }))).toMatchObject({
      reason: 'refused',
      message: 'more than 64 headers',
    })
    const long = await failure(post(origin, {}, { headers: { x: 'x'.repeat(16_384) } }))
    expect(long).toMatchObject({ reason: 'refused', message: 'more than 16384 characters of headers' })
    expect(asked).toEqual([])
  })
})

describe('a name', () => {
  it.each([
    '127.0.0.1',
    '10.0.0.1',
    '169.254.169.254',
    '::1',
    'fd00:ec2::254',
    '::ffff:192.168.0.1',
    '0.0.0.0',
    '100.100.100.200',
  ])('that resolves to %s is refused, whatever else it resolves to, without a connection', async (address) => {
    const { port, asked } = await start((response) => json(response, 1))
    const origin = `http://grader.example:${port}`
    for (const addresses of [[address], ['8.8.8.8', address]]) {
      const error = await failure(outboundTo(origin, { resolve: async () => addresses }).post(origin, {}))
      expect(error.reason).toBe('refused')
      expect(error.message).toMatch(/resolves into a private network.*list the IP address in ALLOWED_ADDRESSES/)
    }
    expect(asked).toEqual([])
  })

  it('localhost is refused if it resolves to another machine', async () => {
    for (const address of ['10.0.0.1', '8.8.8.8']) {
      const { post } = outboundTo('http://localhost:9', { resolve: async () => [address] })
      expect(await failure(post('http://localhost:9', {}))).toMatchObject({ reason: 'refused' })
    }
  })

  it('is resolved once: a later change of its addresses has no effect', async () => {
    const { port, asked } = await start((response) => json(response, 1))
    // An address of a network that was returned in 2006, where nothing answers.
    const answers = [['3ffe::1'], ['127.0.0.1']]
    let looked = 0
    const resolve = async () => answers[Math.min(looked++, 1)] ?? []
    const origin = `http://rebinding.example:${port}`
    const error = await failure(outboundTo(origin, { resolve, seconds: 0.5 }).post(origin, {}))
    expect(['unreachable', 'timed_out']).toContain(error.reason)
    expect(looked).toBe(1)
    expect(asked).toEqual([])
  })

  it('is connected to only at the address that was checked', async () => {
    const { port, asked } = await start((response) => json(response, 1))
    const url = new URL(`http://nowhere.invalid:${port}/`)
    const sending = { url, addresses: ['127.0.0.1'], headers: new Map(), body: Buffer.from('{}'), maxBytes: 10 }
    expect(await send(sending, new AbortController().signal)).toMatchObject({ status: 200 })
    expect(asked[0]?.headers.host).toBe(`nowhere.invalid:${port}`)
  })

  it('that does not resolve is unreachable', async () => {
    const unknown = outboundTo('http://grader.example', { resolve: () => Promise.reject(new Error('ENOTFOUND')) })
    const error = await failure(unknown.post('http://grader.example/', {}))
    expect(error).toMatchObject({
      reason: 'unreachable',
      message: 'the host of http://grader.example does not resolve',
    })
  })

  it('that takes too long to resolve times out', async () => {
    const slow = outboundTo('http://grader.example', { resolve: () => new Promise(() => {}), seconds: 0.05 })
    expect(await failure(slow.post('http://grader.example/', {}))).toMatchObject({ reason: 'timed_out' })
  })
})

describe('a redirect', () => {
  it.each([307, 308])('with %d is followed within the list, with body and headers', async (status) => {
    const server = await start((response, { path }) =>
      path === '/v1/a' ? response.writeHead(status, { location: '/v1/b?x=1' }).end() : json(response, 2),
    )
    const { post } = outboundTo(`${server.origin}/v1/`)
    const answer = await post(`${server.origin}/v1/a`, { a: 1 }, { headers: { authorization: 'Bearer k' } })
    expect(answer.json).toBe(2)
    expect(server.asked.map(({ method, path, body, headers }) => [method, path, body, headers.authorization])).toEqual([
      ['POST', '/v1/a', '{"a":1}', 'Bearer k'],
      ['POST', '/v1/b?x=1', '{"a":1}', 'Bearer k'],
    ])
  })

  it('to another origin in the list sends none of the caller’s headers, then or on the way back', async () => {
    const second = await start((response) => void response.writeHead(307, { location: `${first.origin}/back` }).end())
    const first = await start((response, { path }) =>
      path === '/back' ? json(response, 3) : void response.writeHead(307, { location: `${second.origin}/` }).end(),
    )
    const { post } = outboundTo(`${first.origin},${second.origin}`)
    const headers = { authorization: 'Bearer k', 'x-functions-key': 'k', cookie: 'k' }
    expect((await post(first.origin, { a: 1 }, { headers })).json).toBe(3)
    for (const { headers: sent, body } of [second.asked[0], first.asked[1]].flatMap((one) => one ?? [])) {
      expect(sent).not.toHaveProperty('authorization')
      expect(sent).not.toHaveProperty('x-functions-key')
      expect(sent).not.toHaveProperty('cookie')
      expect(body).toBe('{"a":1}')
    }
    expect(first.asked).toHaveLength(2)
  })

  it('is not followed to an address outside the list, private or not', async () => {
    const inside = await start((response) => json(response, 1))
    const targets = [
      `${inside.origin}/latest/meta-data`,
      'http://169.254.169.254/latest/meta-data/',
      'http://[::ffff:169.254.169.254]/',
      `//127.0.0.1:${inside.port}/`,
      'file:///etc/passwd',
      '../admin',
      '/v1/../admin',
      '/admin',
      '/v1/%2e%2e/admin',
      '/\\evil.example/',
      `http://user:secret@127.0.0.1:${inside.port}/`,
      'secret:\u00ff',
    ]
    for (const location of targets) {
      const server = await start((response) => void response.writeHead(307, { location }).end())
      const error = await failure(outboundTo(`${server.origin}/v1/`).post(`${server.origin}/v1/grade`, {}))
      expect(error, location).toMatchObject({ reason: 'refused' })
      expect(error.message).toContain(`${server.origin} redirects to an address that is not followed: `)
      expect(error.message).not.toMatch(/secret|meta-data/)
      expect(server.asked).toHaveLength(1)
    }
    expect(inside.asked).toEqual([])
  })

  it('is not followed to a name in the list that resolves into a private network', async () => {
    const server = await start((response) => void response.writeHead(307, { location: 'http://inside.example/' }).end())
    const allowed = `${server.origin},http://inside.example`
    const error = await failure(outboundTo(allowed, { resolve: async () => ['10.0.0.1'] }).post(server.origin, {}))
    expect(error).toMatchObject({ reason: 'refused' })
    expect(error.message).toContain('http://inside.example resolves into a private network')
  })

  it('is followed at most three times', async () => {
    const server = await start((response) => void response.writeHead(307, { location: '/again' }).end())
    const error = await failure(outboundTo(server.origin).post(server.origin, {}))
    expect(error).toMatchObject({ reason: 'refused', message: `${server.origin} redirects more than 3 times` })
    expect(server.asked).toHaveLength(4)
  })

  it.each([301, 302, 303])('with %d, which would become a GET, is not followed', async (status) => {
    const server = await start((response) => void response.writeHead(status, { location: '/other' }).end())
    const error = await failure(outboundTo(server.origin).post(server.origin, {}))
    expect(error).toMatchObject({ reason: 'refused' })
    expect(error.message).toContain(`redirects with ${status}`)
    expect(server.asked).toHaveLength(1)
  })
})

describe('an answer', () => {
  const url = '/secret-path?code=secret'
  const answeredWith = async (answer: Parameters<typeof listen>[0], options: Partial<OutboundOptions> = {}) => {
    const { origin } = await start(answer)
    const error = await failure(
      outboundTo(origin, options).post(`${origin}${url}`, {}, { headers: { authorization: 'secret' } }),
    )
    expect(error.message).toContain(origin)
    expect(`${error.message}${error.stack}`).not.toContain('secret')
    return error
  }

  it('other than 2xx is an error with its status, its JSON and how long to wait', async () => {
    const error = await answeredWith((response) => json(response, { secret: 1 }, 429, { 'retry-after': '7' }))
    expect(error).toMatchObject({ reason: 'status', status: 429, retryAfterMs: 7_000, body: { secret: 1 } })
    const bare = await answeredWith((response) => void response.writeHead(500).end('<html>'))
    expect(bare).toMatchObject({ reason: 'status', status: 500, retryAfterMs: undefined, body: undefined })
  })

  it.each<[string, string | Buffer, Record<string, string>]>([
    ['a page', '<html>', {}],
    ['nothing', '', {}],
    ['JSON that is cut off', '{"score":', {}],
    ['NaN', '{"score":NaN}', {}],
    ['an infinite number', '{"score":1e999}', {}],
    ['four hundred levels', `${'['.repeat(400)}${']'.repeat(400)}`, {}],
    ['compressed', gzipSync('{"score":1}'), { 'content-encoding': 'gzip' }],
  ])('that is %s is not JSON', async (_, body, headers) => {
    const error = await answeredWith((response) => void response.writeHead(200, headers).end(body))
    expect(error).toMatchObject({ reason: 'not_json' })
  })

  it('that is too large is not read to its end, whether it declares its size or not', async () => {
    const declared = await answeredWith((response) => json(response, 'x'.repeat(1_000)))
    expect(declared).toMatchObject({ reason: 'too_large' })
    const undeclared = await answeredWith(
      (response) => void response.writeHead(200, { 'content-length': '1001' }).write('1'),
    )
    expect(undeclared).toMatchObject({ reason: 'too_large' })
    let written = 0
    const endless = await answeredWith((response) => {
      const more = () => {
        while (!response.destroyed && response.write('x'.repeat(65_536))) written += 65_536
      }
      response.on('drain', more)
      more()
    })
    expect(endless).toMatchObject({ reason: 'too_large' })
    expect(written).toBeLessThan(50_000_000)
    const { origin } = await start((response) => json(response, 'x'.repeat(998)))
    expect((await outboundTo(origin).post(origin, {})).json).toHaveLength(998)
  })

  it('that does not arrive or does not end times out', async () => {
    const gone: Promise<void>[] = []
    const silent: Parameters<typeof listen>[0] = (response) => {
      gone.push(new Promise((resolve) => void response.on('close', resolve)))
    }
    const dripping: Parameters<typeof listen>[0] = (response, ...rest) => {
      silent(response, ...rest)
      const drip = setInterval(() => response.write(' '), 5)
      response.on('close', () => clearInterval(drip))
    }
    expect(await answeredWith(silent, { seconds: 0.2 })).toMatchObject({ reason: 'timed_out' })
    expect(await answeredWith(dripping, { seconds: 0.2 })).toMatchObject({ reason: 'timed_out' })
    // The connections are closed too.
    await Promise.all(gone)
    expect(gone).toHaveLength(2)
  })

  it('that breaks off is unreachable', async () => {
    const broken = await answeredWith((response) => void response.socket?.resetAndDestroy())
    expect(broken).toMatchObject({ reason: 'unreachable' })
    const cut = await answeredWith((response) => {
      response.writeHead(200, { 'content-length': '100' }).write('{"score":')
      setTimeout(() => response.socket?.destroy(), 20)
    })
    expect(cut).toMatchObject({ reason: 'unreachable' })
  })

  it.each([
    ['is not HTTP', 'SSH-2.0-OpenSSH_9.2\r\n'],
    ['switches to something else', 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n'],
    ['has headers without end', `HTTP/1.1 200 OK\r\n${'x: y\r\n'.repeat(20_000)}\r\n{}`],
    ['has two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n1'],
  ])('that %s is unreachable', async (_, answer) => {
    const sockets = new Set<Socket>()
    const server = createRawServer((socket) => {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.once('data', () => socket.end(answer))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    closing({
      close: () => {
        for (const socket of sockets) socket.destroy()
        return new Promise<void>((resolve) => server.close(() => resolve()))
      },
    })
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('no port')
    const origin = `http://127.0.0.1:${address.port}`
    expect(await failure(outboundTo(origin).post(origin, {}))).toMatchObject({ reason: 'unreachable' })
  })

  it('is unreachable if nothing listens, or without TLS behind an https address', async () => {
    const { origin, port, close } = await listen((response) => json(response, 1))
    const secure = `https://127.0.0.1:${port}`
    expect(await failure(outboundTo(secure).post(secure, {}))).toMatchObject({ reason: 'unreachable' })
    await close()
    const error = await failure(outboundTo(origin).post(origin, {}))
    expect(error).toMatchObject({ reason: 'unreachable', message: `no answer from ${origin}: ECONNREFUSED` })
  })

  it('is aborted with the caller, with the caller’s reason', async () => {
    const { origin, asked } = await start(() => {})
    const caller = new AbortController()
    const posting = outboundTo(origin).post(origin, {}, { signal: caller.signal })
    const reason = new Error('the server stops')
    await expect.poll(() => asked).toHaveLength(1)
    caller.abort(reason)
    await expect(posting).rejects.toBe(reason)
    await expect(outboundTo(origin).post(origin, {}, { signal: caller.signal })).rejects.toBe(reason)
    expect(asked).toHaveLength(1)
  })
})
