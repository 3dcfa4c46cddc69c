import { once } from 'node:events'
import { connect } from 'node:net'
import { serve } from '@hono/node-server'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Database } from '../../../../src/postgres/database.ts'
import { createAuthenticator } from '../../../../src/server/auth/authenticate.ts'
import { readAuthSettings } from '../../../../src/server/auth/settings.ts'
import { open, testApp } from '../../../support/app.ts'

const KEY = 'correct-horse-battery-staple'
let database: Database
let server: ReturnType<typeof serve>
let port: number

beforeAll(async () => {
  // Nothing listens there: these requests need no database.
  database = open('postgres://nobody@127.0.0.1:1/nothing')
  const authenticate = createAuthenticator(readAuthSettings({ API_KEYS: `,, ${KEY} , ,old:read=${KEY}-old` }))
  server = serve({ fetch: testApp(database, { authenticate }).fetch, port: 0, hostname: '127.0.0.1' })
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  port = address.port
})
afterAll(async () => {
  server.close()
  await database.close()
})

/** Sends header lines byte for byte; returns the status. */
async function statusFor(lines: readonly string[], path = '/tools'): Promise<number> {
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  const head = [`GET ${path} HTTP/1.1`, 'host: scorekeeper', 'connection: close', ...lines]
  socket.write(Buffer.from(`${head.join('\r\n')}\r\n\r\n`, 'utf8'))
  let answer = ''
  for await (const chunk of socket) answer += String(chunk)
  return Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1])
}

describe('on the wire, a key', () => {
  it.each([
    ['in its header', [`Authorization: Bearer ${KEY}`]],
    ['in a header in another case', [`aUTHORIZATION: bEARER ${KEY}`]],
    ['with blanks around it', [`Authorization:  \t Bearer \t ${KEY} \t`]],
    ['in the second of two different headers', ['Authorization: Bearer wrong-wrong-wrong-1', `X-Api-Key: ${KEY}`]],
  ])('is accepted: %s', async (_, lines) => {
    expect(await statusFor(lines)).toBe(200)
  })

  it.each([
    ['after another one in the same header', [`Authorization: Bearer wrong, Bearer ${KEY}`]],
    [
      'in two Authorization headers, the wrong one first',
      ['Authorization: Bearer wrong', `Authorization: Bearer ${KEY}`],
    ],
    [
      'in two Authorization headers, the right one first',
      [`Authorization: Bearer ${KEY}`, 'Authorization: Bearer wrong'],
    ],
    [
      'in two Authorization headers that are the same',
      [`Authorization: Bearer ${KEY}`, `Authorization: Bearer ${KEY}`],
    ],
    ['in two key headers', [`x-api-key: ${KEY}`, `x-api-key: ${KEY}`]],
    ['in another case', [`Authorization: Bearer ${KEY.toUpperCase()}`]],
    ['with a blank in it', [`Authorization: Bearer ${KEY.slice(0, 7)} ${KEY.slice(7)}`]],
    ['cut off', [`Authorization: Bearer ${KEY.slice(0, -1)}`]],
    ['with one character more', [`Authorization: Bearer ${KEY}x`]],
    ['in quotes', [`Authorization: Bearer "${KEY}"`]],
    ['after a colon', [`Authorization: Bearer: ${KEY}`]],
    ['after the scheme twice', [`Authorization: Bearer Bearer ${KEY}`]],
    ['directly after the scheme', [`Authorization: Bearer${KEY}`]],
    ['after a no-break space', [`Authorization: Bearer\u00a0${KEY}`]],
    ['after a space and a no-break space', [`Authorization: Bearer \u00a0${KEY}`]],
    [
      'in full-width letters',
      [`Authorization: Bearer ${[...KEY].map((c) => String.fromCodePoint((c.codePointAt(0) ?? 0) + 0xfee0)).join('')}`],
    ],
    ['of characters beyond ASCII', ['Authorization: Bearer schlüssel-des-hauses-🔑']],
    ['in the scheme Basic', [`Authorization: Basic ${Buffer.from(`user:${KEY}`).toString('base64')}`]],
    ['in the scheme Token', [`Authorization: Token ${KEY}`]],
    ['in the scheme Digest', [`Authorization: Digest response="${KEY}"`]],
    ['in the scheme DPoP', [`Authorization: DPoP ${KEY}`]],
    ['in Proxy-Authorization', [`Proxy-Authorization: Bearer ${KEY}`]],
    ['in a cookie', [`Cookie: authorization=Bearer ${KEY}; api-key=${KEY}`]],
    ['in a header with an underscore', [`x_api_key: ${KEY}`]],
    ['that is empty', ['Authorization: Bearer ', 'x-api-key: ']],
    ['that is a comma, as between empty entries of API_KEYS', ['Authorization: Bearer ,', 'x-api-key: ,,']],
    ['that is an entry of API_KEYS with its name', [`Authorization: Bearer old:read=${KEY}-old`]],
  ])('is refused: %s', async (_, lines) => {
    expect(await statusFor(lines)).toBe(401)
  })

  it('in the address is refused even with a valid one in a header, and is not read', async () => {
    for (const name of ['key', 'api_key', 'access_token', 'code', 'Authorization']) {
      expect(await statusFor([`x-api-key: ${KEY}`], `/tools?${name}=${KEY}`)).toBe(401)
    }
    expect(await statusFor([], `/tools?mykey=${KEY}`)).toBe(401)
  })

  it('that exceeds the limit on headers is refused by the socket', async () => {
    expect(await statusFor([`Authorization: Bearer ${'x'.repeat(20_000)}`])).toBe(431)
  })
})
