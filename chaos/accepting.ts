import { connect } from 'node:net'

/** Whether a port of the loopback address accepts connections. */
export function isAccepting(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    const answer = (accepts: boolean) => {
      socket.destroy()
      resolve(accepts)
    }
    socket.once('connect', () => answer(true))
    socket.once('error', () => answer(false))
  })
}
