import { createInterface } from 'node:readline/promises'

/** The streams of the terminal at which a person answers. */
export interface Terminal {
  readonly input: NodeJS.ReadableStream
  readonly output: NodeJS.WritableStream
}

/**
 * Asks a person, and returns whether the answer is yes. The end of the input, as by Ctrl-D, is a no. Ctrl-C interrupts the
 * process as usual.
 *
 * @throws the signal's reason when it aborts.
 */
export async function saysYes(question: string, { input, output }: Terminal, signal: AbortSignal): Promise<boolean> {
  const asking = createInterface({ input, output })
  // While a question is open, readline receives Ctrl-C instead of the process.
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
