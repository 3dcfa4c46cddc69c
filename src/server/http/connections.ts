import type { Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/** The connections of a server, so that it can close them without interrupting a request. */
export interface Connections {
  /** Whether an answer can be written on this connection without mixing with one in progress. */
  isFree(socket: Socket): boolean
  /** The answer in progress to a request that has arrived whole; undefined if there is none. */
  answering(socket: Socket): ServerResponse | undefined
  /** From now on every answer, including those in progress, has `Connection: close`. */
  closeAfterAnswers(): void
  /**
   * Closes each connection once it has been idle for `quietMs`, until none is left. A client whose request is on its way
   * while its idle connection closes cannot know whether the request was received.
   */
  closeQuiet(quietMs: number): void
}

interface Connection {
  response: ServerResponse | undefined
  bytesRead: number
  quietSince: number
}

/** Tracks the connections of a server that is not listening yet. */
export function watchConnections(server: Server): Connections {
  const connections = new Map<Socket, Connection>()
  let isClosing = false
  server.on('connection', (socket) => {
    connections.set(socket, { response: undefined, bytesRead: 0, quietSince: performance.now() })
    socket.once('close', () => connections.delete(socket))
  })
  // Before the listener that answers.
  server.prependListener('request', ({ socket }, response) => {
    const connection = connections.get(socket)
    if (connection !== undefined) connection.response = response
    if (isClosing) response.shouldKeepAlive = false
  })

  const isAnswering = ({ response }: Connection) =>
    response !== undefined && !response.writableFinished && !response.destroyed
  const sweep = (quietMs: number) => {
    const now = performance.now()
    for (const [socket, connection] of connections) {
      if (isAnswering(connection) || socket.bytesRead !== connection.bytesRead) {
        connection.bytesRead = socket.bytesRead
        connection.quietSince = now
      } else if (now - connection.quietSince > quietMs) socket.destroySoon()
    }
  }

  return {
    isFree(socket) {
      const connection = connections.get(socket)
      if (connection === undefined || !socket.writable) return false
      return !isAnswering(connection) || connection.response?.headersSent === false
    },
    answering(socket) {
      const connection = connections.get(socket)
      if (connection === undefined || !isAnswering(connection)) return undefined
      return connection.response?.req.complete ? connection.response : undefined
    },
    closeAfterAnswers() {
      isClosing = true
      for (const connection of connections.values()) {
        if (connection.response !== undefined) connection.response.shouldKeepAlive = false
        connection.quietSince = performance.now()
      }
    },
    closeQuiet(quietMs) {
      const timer = setInterval(() => sweep(quietMs), 50)
      server.once('close', () => clearInterval(timer))
    },
  }
}
