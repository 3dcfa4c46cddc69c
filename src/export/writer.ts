import { once } from 'node:events'

/** Writes to a stream that may take its time, or end. */
export interface Writer {
  /** Resolves when the stream takes more; with false when its reader has gone, as `head` goes. */
  write(text: string): Promise<boolean>
}

/** Waits for a stream as it asks for, and takes a reader that has gone for an end, not for a failure. */
export function writerTo(stream: NodeJS.WritableStream): Writer {
  let isGone = false
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
    isGone = true
  })
  return {
    async write(text) {
      if (isGone) return false
      if (stream.write(text)) return !isGone
      const settled = new AbortController()
      const { signal } = settled
      await Promise.race([once(stream, 'drain', { signal }), once(stream, 'close', { signal })]).catch(() => {})
      // Whoever still listens would listen for each write.
      settled.abort()
      return !isGone
    },
  }
}
