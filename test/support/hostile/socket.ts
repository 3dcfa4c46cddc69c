import { connect } from 'node:net'

/** What goes over a connection in turn: bytes, a pause in milliseconds, or an end of one kind. */
export type Step = string | Uint8Array | number | 'END' | 'RESET'

/**
 * Says something raw to a server and gives what came back until it closed, so many answers and a moment for one too many
 * had come, `patience` ms passed, or `RESET`.
 */
export function converse(
  port: number,
  steps: readonly Step[],
  { patience = 5_000, answers = Number.POSITIVE_INFINITY } = {},
): Promise<string> {
  return new Promise((resolve) => {
    let heard = ''
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    const over = () => {
      clearTimeout(timer)
      socket.destroy()
      resolve(heard)
    }
    const timer = setTimeout(over, patience)
    socket.on('data', (chunk: Buffer) => {
      heard += chunk.toString('latin1')
      if (statuses(heard).length >= answers) setTimeout(over, 30)
    })
    socket.on('end', over).on('error', over).on('close', over)
    socket.on('connect', async () => {
      for (const step of steps) {
        if (socket.destroyed) return
        if (typeof step === 'number') await new Promise((next) => setTimeout(next, step))
        else if (step === 'END') socket.end()
        else if (step === 'RESET') {
          socket.resetAndDestroy()
          over()
        } else socket.write(step)
      }
    })
  })
}

/** The statuses of the answers that came, in order. */
export const statuses = (heard: string): number[] =>
  [...heard.matchAll(/HTTP\/1\.[01] (\d{3}) /g)].map(([, status]) => Number(status))

/** A raw POST with these header lines beside its host. */
export const post = (path: string, body: string, ...headers: readonly string[]): string =>
  [`POST ${path} HTTP/1.1`, 'host: 127.0.0.1', ...headers, '', body].join('\r\n')

/** A raw POST of a body with its length. */
export const whole = (path: string, body: string, ...headers: readonly string[]): string =>
  post(path, body, `content-length: ${Buffer.byteLength(body)}`, ...headers)
