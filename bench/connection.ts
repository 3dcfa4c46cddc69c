import { connect } from 'node:net'
import { readResponse } from './read-response.ts'
import type { RequestParts } from './requests.ts'

/** A keep-alive connection that sends one request at a time. */
export interface Connection {
  /** Sends a request, in parts, and gives the status of the response; 0 when the connection was lost. */
  ask(...request: RequestParts): Promise<number>
  close(): void
}

const noBytes = Buffer.alloc(0)

/**
 * Opens a connection to a server on this machine. It is a bare socket and parses as little as it can, because processor time
 * of the client is not available to the server. It reconnects after a loss.
 */
export function openConnection(port: number): Connection {
  let socket = open()
  let pending: Buffer = noBytes
  let answered: ((status: number) => void) | undefined

  function end(status: number): void {
    const resolve = answered
    answered = undefined
    resolve?.(status)
  }

  function take(bytes: Buffer): void {
    const all = pending.length === 0 ? bytes : Buffer.concat([pending, bytes])
    const answer = readResponse(all)
    // The buffer belongs to the socket; the next read overwrites it.
    pending = answer === undefined ? Buffer.from(all) : noBytes
    if (answer === undefined) return
    if (answer.closes) socket.destroy()
    end(answer.length === all.length ? answer.status : 0)
  }

  function open() {
    const buffer = Buffer.allocUnsafe(16_384)
    const opened = connect({
      host: '127.0.0.1',
      port,
      noDelay: true,
      onread: {
        buffer,
        callback(count) {
          try {
            take(buffer.subarray(0, count))
          } catch {
            opened.destroy()
          }
          return true
        },
      },
    })
    opened.on('error', () => opened.destroy())
    opened.on('close', () => {
      pending = noBytes
      end(0)
    })
    return opened
  }

  return {
    ask(...request) {
      if (socket.destroyed) socket = open()
      return new Promise((resolve) => {
        answered = resolve
        if (request.length > 1) socket.cork()
        for (const part of request) typeof part === 'string' ? socket.write(part, 'latin1') : socket.write(part)
        if (request.length > 1) socket.uncork()
      })
    },
    close: () => socket.destroy(),
  }
}
