import { createInterface } from 'node:readline/promises'

/** Where a person is asked. */
export interface Terminal {
  readonly input: NodeJS.ReadableStream
  readonly output: NodeJS.WritableStream
}

/**
 * Asks a person, and gives whether the answer is yes; an end of the input, as Ctrl-D makes it, is none. Ctrl-C goes to the
 * process, as when nothing is asked.
 *
 * Throws the signal's reason when that aborts.
 */
export async function saysYes(question: string, { input, output }: Terminal, signal: AbortSignal): Promise<boolean> {
  const asking = createInterface({ input, output })
  // The terminal gives its Ctrl-C to whoever asks, not to the process.
  asking.once('SIGINT', () => process.kill(process.pid, 'SIGINT'))
  const ended = new AbortController()
  asking.once('close', () => ended.abort())
  try {
    const either = AbortSignal.any([signal, ended.signal])
    return /^y(es)?$/i.test((await asking.question(question, { signal: either })).trim())
  } catch (error) {
    signal.throwIfAborted()
    if (!ended.signal.aborted) throw error
    output.write('\n')
    return false
  } finally {
    asking.close()
  }
}
