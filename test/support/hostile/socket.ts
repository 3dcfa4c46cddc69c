import { connect } from 'node:net'

/** A step of a connection: bytes to send, a pause in milliseconds, or a way to end it. */
export type Step = string | Uint8Array | number | 'END' | 'RESET'

/**
 * Sends raw bytes to a server. Returns what it received until the server closed the connection, `timeoutMs` passed or a
 * `RESET` step; or until 30 ms after the nth answer of `answers`, so that a surplus answer is seen.
 */
export function converse(
  port: number,
  steps: readonly Step[],
  { timeoutMs = 5_000, answers = Number.POSITIVE_INFINITY } = {},
): Promise<string> {
  return new Promise((resolve) => {
    let received = ''
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    const finish = () => {
      clearTimeout(timer)
      socket.destroy()
      resolve(received)
    }
    const timer = setTimeout(finish, timeoutMs)
    socket.on('data', (chunk: Buffer) => {
      received += chunk.toString('latin1')
      if (statuses(received).length >= answers) setTimeout(finish, 30)
    })
    socket.on('end', finish).on('error', finish).on('close', finish)
    socket.on('connect', async () => {
      for (const step of steps) {
        if (socket.destroyed) return
        if (typeof step === 'number') await new Promise((next) => setTimeout(next, step))
        else if (step === 'END') socket.end()
        else if (step === 'RESET') {
          socket.resetAndDestroy()
          finish()
        } else socket.write(step)
      }
    })
  })
}

/** The statuses of the received answers, in order. */
export const statuses = (received: string): number[] =>
  [...received.matchAll(/HTTP\/1\.[01] (\d{3}) /g)].map(([, status]) => Number(status))

/** A raw POST with a host and these header lines. */
export const post = (path: string, body: string, ...headers: readonly string[]): string =>
  [`POST ${path} HTTP/1.1`, 'host: 127.0.0.1', ...headers, '', body].join('\r\n')

/** A raw POST of a body with its length. */
export const whole = (path: string, body: string, ...headers: readonly string[]): string =>
  post(path, body, `content-length: ${Buffer.byteLength(body)}`, ...headers)
