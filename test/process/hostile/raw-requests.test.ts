import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { converse, post, type Step, statuses, whole } from '../../support/hostile/socket.ts'
import { call, startTarget } from '../../support/hostile/target.ts'

let target: Awaited<ReturnType<typeof startTarget>>

beforeAll(async () => {
  target = await startTarget()
})

afterAll(async () => {
  await target.isWell()
  await target.close()
})

const chunk = (text: string) => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`
const chunked = (body: string, ...headers: readonly string[]) =>
  post('/tools', body, 'transfer-encoding: chunked', ...headers)
/** The statuses of the answers; each must have a JSON body, except a 204, which has none. */
async function answeredBy(steps: readonly Step[], answers: number): Promise<number[]> {
  const received = await converse(target.port, steps, answers === 0 ? { timeoutMs: 200 } : { answers })
  for (const answer of received.split(/(?=HTTP\/1\.[01] \d{3} )/).filter((one) => !one.startsWith('HTTP/1.1 100 '))) {
    const [head = '', body = ''] = answer.split('\r\n\r\n')
    if (answer === '') continue
    if (answer.startsWith('HTTP/1.1 204 ')) expect([head.includes('allow: '), body]).toEqual([true, ''])
    if (answer.startsWith('HTTP/1.1 204 ')) continue
    expect(head).toMatch(/content-type: application\/json/i)
    expect(JSON.parse(body)).toBeTypeOf('object')
  }
  return statuses(received)
}

describe('a body over a raw socket', () => {
  it.each<[string, Step[], number[]]>([
    ['in chunks of one byte', [chunked(`${[...call].map(chunk).join('')}0\r\n\r\n`)], [200]],
    [
      'in chunks with extensions and a trailer',
      [chunked(`5;a=b\r\n${call.slice(0, 5)}\r\n${chunk(call.slice(5))}0\r\nx: y\r\n\r\n`)],
      [200],
    ],
    ['in a chunk of a negative length', [chunked('-5\r\nabcde\r\n0\r\n\r\n')], [400]],
    ['in a chunk whose length overflows', [chunked('ffffffffffffffffff\r\na')], [400]],
    ['in a chunk longer than its declared length', [chunked(`2\r\n${call}\r\n0\r\n\r\n`)], [400]],
    ['of a negative length', [post('/tools', call, 'content-length: -1')], [400]],
    ['of a length with a sign', [post('/tools', call, `content-length: +${call.length}`)], [400]],
    ['of a length in hexadecimal', [post('/tools', call, 'content-length: 0x27')], [400]],
    ['of two lengths', [post('/tools', call, `content-length: ${call.length}`, 'content-length: 3')], [400]],
    ['of a length and in chunks', [whole('/tools', `${chunk(call)}0\r\n\r\n`, 'transfer-encoding: chunked')], [400]],
    ['in an unknown transfer encoding', [post('/tools', call, 'transfer-encoding: gzip')], [400]],
    ['of a length beyond the limit, unread', [post('/tools', '', 'content-length: 99999999999')], [413]],
    ['that never comes, on a half-closed connection', [post('/tools', '', 'content-length: 50'), 'END'], [400]],
    ['that ends too soon', [post('/tools', call, 'content-length: 500'), 'END'], [400]],
    ['with a byte order mark', [whole('/tools', `\ufeff${call}`)], [200]],
    ['with a byte order mark, in chunks', [chunked(`${chunk(`\ufeff${call}`)}0\r\n\r\n`)], [200]],
    ['compressed', [whole('/tools', call, 'content-encoding: gzip')], [415]],
    [
      'with two content encodings',
      [whole('/tools', call, 'content-encoding: identity', 'content-encoding: gzip')],
      [415],
    ],
    ['without a content type', [whole('/tools', call)], [200]],
    ['with another content type', [whole('/tools', call, 'content-type: image/png')], [200]],
    [
      'awaited with 100-continue',
      [post('/tools', '', 'expect: 100-continue', `content-length: ${call.length}`), 50, call],
      [100, 200],
    ],
    ['with another expectation', [whole('/tools', call, 'expect: a miracle')], [417]],
  ])('%s', async (_, steps, expected) => {
    expect(await answeredBy(steps, expected.length)).toEqual(expected)
  })
})

describe('a body longer than its declared length', () => {
  it('ends the connection with a 400, whether or not the previous answer was already sent', async () => {
    const short = post('/tools', `${call}x`, `content-length: ${call.length}`)
    expect((await converse(target.port, [short]).then(statuses)).at(-1)).toBe(400)
  })
})

describe('a request over a raw socket', () => {
  const get = (target: string, ...headers: readonly string[]) =>
    [`GET ${target} HTTP/1.1`, 'host: 127.0.0.1', ...headers, '', ''].join('\r\n')

  it.each<[string, Step[], number[]]>([
    ['of HTTP/1.0', ['GET /healthz HTTP/1.0\r\nhost: a\r\n\r\n'], [200]],
    ['of HTTP/1.0 without a host', ['GET /healthz HTTP/1.0\r\n\r\n'], [200]],
    ['as HAProxy checks by default', ['OPTIONS / HTTP/1.0\r\n\r\n'], [204]],
    ['of HTTP/0.9', ['GET /healthz\r\n\r\n'], [400]],
    ['of HTTP/2', ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'], [400]],
    ['without a host', ['GET /healthz HTTP/1.1\r\n\r\n'], [400]],
    ['with two hosts', [get('/healthz', 'host: b')], [200]],
    ['with an invalid host', ['GET /healthz HTTP/1.1\r\nhost: a/../b?c@d\r\n\r\n'], [400]],
    ['for an absolute address', [get('http://elsewhere.example/healthz')], [200]],
    ['for an absolute address with a password', [get('http://u:p@elsewhere.example/healthz')], [200]],
    ['for *', ['OPTIONS * HTTP/1.1\r\nhost: a\r\n\r\n'], [204]],
    ['for another host, as to a proxy', ['CONNECT elsewhere.example:443 HTTP/1.1\r\nhost: a\r\n\r\n'], []],
    ['for a file', [get('file:///etc/passwd')], [400]],
    ['that climbs out of the root', [get('/../../etc/passwd')], [404]],
    ['with a backslash', [get('/tools\\..\\x')], [400]],
    ['with a broken escape', [get('/tools/%')], [405]],
    ['with bytes that are not ASCII', [Buffer.from('GET /\xff\xfe HTTP/1.1\r\nhost: a\r\n\r\n', 'latin1')], [400]],
    ['with U+0000 in its target', [get('/\u0000')], [400]],
    ['to trace', ['TRACE /tools HTTP/1.1\r\nhost: a\r\n\r\n'], [405]],
    ['with a method in lower case', ['get /healthz HTTP/1.1\r\nhost: a\r\n\r\n'], [400]],
    ['with an unknown method', ['DESTROY /healthz HTTP/1.1\r\nhost: a\r\n\r\n'], [400]],
    [
      'that asks for another protocol',
      [get('/healthz', 'connection: upgrade', 'upgrade: websocket', 'sec-websocket-key: x')],
      [200],
    ],
    [
      'that asks for HTTP/2',
      [get('/healthz', 'connection: upgrade, http2-settings', 'upgrade: h2c', 'http2-settings: AA')],
      [200],
    ],
    ['with a header of a hundred thousand bytes', [get('/healthz', `x: ${'y'.repeat(100_000)}`)], [431]],
    ['with a target of a hundred thousand bytes', [get(`/${'y'.repeat(100_000)}`)], [431]],
    ['with a thousand headers', [get('/healthz', ...Array.from({ length: 1_000 }, (_, n) => `x${n}: y`))], [200]],
    ['with a header folded over two lines', [get('/healthz', 'x: y\r\n z')], [400]],
    ['with a header without a name', [get('/healthz', ': y')], [400]],
    ['with U+0000 in a header', [get('/healthz', 'x: \u0000')], [400]],
    ['that has a body though it is a GET', [`${get('/healthz', 'content-length: 5')}abcde`], [200]],
    ['in a pipeline of ten', [get('/healthz').repeat(10)], Array(10).fill(200)],
    ['before one that is garbage', [`${get('/healthz')}garbage\r\n\r\n`], [200, 400]],
    ['after line breaks', [`\r\n\r\n${get('/healthz')}`], [200]],
    ['in TLS', [Buffer.from('160301020001000001fc0303', 'hex')], [400]],
  ])('%s', async (_, steps, expected) => {
    expect(await answeredBy(steps, expected.length)).toEqual(expected)
  })

  it('cannot add a header to the answer by line breaks in its id', async () => {
    const id = 'a\r\nx-evil: 1\r\n\r\nHTTP/1.1 200 OK'
    const received = await converse(
      target.port,
      [whole('/tools', JSON.stringify({ name: 'list', trace_id: id, call_id: id }))],
      {
        answers: 1,
      },
    )
    expect(received.split('\r\n\r\n')[0]).toMatch(/x-rollout-id: a%0D%0Ax-evil/i)
    expect(received).not.toMatch(/^x-evil/m)
  })
})
