/** Writes to a stream that may take its time, or end. */
export interface Writer {
  /**
   * Resolves when the text is written; with false when its reader has gone, as `head` goes. Rejects with what else went
   * wrong, such as a disk that is full.
   */
  write(text: string): Promise<boolean>
}

const goneCodes: readonly unknown[] = ['EPIPE', 'ERR_STREAM_DESTROYED']

/** Waits for a stream until it has written, and takes a reader that has gone for an end, not for a failure. */
export function writerTo(stream: NodeJS.WritableStream): Writer {
  // Each write hears of it.
  stream.on('error', () => {})
  return {
    write: (text) =>
      new Promise((resolve, reject) => {
        stream.write(text, (error?: NodeJS.ErrnoException | null) => {
          if (error === undefined || error === null) resolve(true)
          else if (goneCodes.includes(error.code)) resolve(false)
          else reject(error)
        })
      }),
  }
}
