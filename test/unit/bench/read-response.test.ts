import { once } from 'node:events'
import { createServer } from 'node:http'
import { describe, expect, it } from 'vitest'
import { openConnection } from '../../../bench/connection.ts'
import { readResponse } from '../../../bench/read-response.ts'

const withLength = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello'
const chunked =
  'HTTP/1.1 503 Service Unavailable\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\na\r\n0123456789\r\n0\r\n\r\n'

describe('reading a response', () => {
  it.each([
    [withLength, 200],
    [chunked, 503],
    ['HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n', 204],
  ])('knows of each beginning that it is not the whole: %j', (text, status) => {
    const whole = Buffer.from(text)
    for (let length = 0; length < whole.length; length += 1) {
      expect(readResponse(whole.subarray(0, length))).toBeUndefined()
    }
    expect(readResponse(whole)).toEqual({ status, length: whole.length, closes: false })
  })

  it('leaves the bytes after the response', () => {
    expect(readResponse(Buffer.from(chunked + withLength))?.length).toBe(chunked.length)
  })

  it('sees that the server closes the connection', () => {
    const text = 'HTTP/1.1 500 Internal Server Error\r\nConnection: close\r\nContent-Length: 0\r\n\r\n'
    expect(readResponse(Buffer.from(text))).toMatchObject({ status: 500, closes: true })
  })

  it.each(['SSH-2.0-OpenSSH\r\n\r\n', 'HTTP/1.1 200 OK\r\n\r\n'])(
    'throws for anything that is not a response with a length: %j',
    (text) => {
      expect(() => readResponse(Buffer.from(text))).toThrow('response')
    },
  )
})

describe('a connection of the load', () => {
  it('gives the status of each response, reconnects after a loss and reports it', async () => {
    let asked = 0
    const server = createServer((request, response) => {
      asked += 1
      if (asked === 3) request.socket.destroy()
      else if (asked === 2) response.writeHead(503).end('away')
      else response.end('x'.repeat(100_000))
    })
    await once(server.listen(0, '127.0.0.1'), 'listening')
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('no port')
    const connection = openConnection(address.port)
    const request = 'POST / HTTP/1.1\r\nhost: test\r\ncontent-length: 2\r\n\r\n{}'
    const statuses: number[] = []
    for (let n = 0; n < 5; n += 1) statuses.push(await connection.ask(request))
    connection.close()
    server.close()
    expect(statuses).toEqual([200, 503, 0, 200, 200])
  })
})
