import type { Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/** The connections of a server, for the time when it wants to lose them without cutting anybody off. */
export interface Connections {
  /** Whether an answer can still be written on this one that has nothing to do with the one under way. */
  isFree(socket: Socket): boolean
  /** Has every answer from now on say that its connection closes after it, those under way included. */
  closeAfterAnswers(): void
  /**
   * Closes those on which nothing is asked, nor has been for `quietMs`, from now until the server has no more: a client
   * whose request is on its way when its idle connection closes cannot know whether it was heard.
   */
  closeQuiet(quietMs: number): void
}

interface Connection {
  response: ServerResponse | undefined
  bytesRead: number
  quietSince: number
}

/** Watches the connections of a server that does not listen yet. */
export function watchConnections(server: Server): Connections {
  const connections = new Map<Socket, Connection>()
  let isClosing = false
  server.on('connection', (socket) => {
    connections.set(socket, { response: undefined, bytesRead: 0, quietSince: performance.now() })
    socket.once('close', () => connections.delete(socket))
  })
  // Before the one that answers.
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
