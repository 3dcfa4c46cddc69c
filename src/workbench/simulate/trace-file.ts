import { createReadStream, existsSync } from 'node:fs'
import { open, truncate } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { type RolloutTrace, rolloutTrace } from './trace.ts'

/** A file of rollouts that is being written, one line a rollout. */
export interface TraceFile {
  /** Resolves when the line is written. */
  write(trace: RolloutTrace): Promise<void>
  close(): Promise<void>
}

/**
 * Opens a trace file to go on with: hands over the rollouts that it has, cuts off a last line that was not written whole, and
 * appends what follows. A file that is not there is begun.
 *
 * Throws an Error that names the line where the file is no trace file.
 */
export async function openTraceFile(path: string, onRollout: (trace: RolloutTrace) => void): Promise<TraceFile> {
  const whole = existsSync(path) ? await readTraces(path, onRollout) : 0
  const file = await open(path, 'a')
  // A line whose end was not written any more.
  if ((await file.stat()).size === whole - 1) await file.appendFile('\n')
  let last = Promise.resolve()
  return {
    write(trace) {
      // One after the other: lines written at once could mix.
      last = last.then(async () => {
        await file.appendFile(`${JSON.stringify(trace)}\n`)
      })
      return last
    },
    async close() {
      await last.catch(() => {})
      await file.close()
    },
  }
}

async function readTraces(path: string, onRollout: (trace: RolloutTrace) => void): Promise<number> {
  let number = 0
  let whole = 0
  let torn: string | undefined
  for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Number.POSITIVE_INFINITY })) {
    if (torn !== undefined) throw new Error(`${path}, line ${number}: ${torn}; give another file with --out`)
    number += 1
    const read = traceOf(line)
    if (typeof read === 'string') torn = read
    else {
      onRollout(read)
      whole += Buffer.byteLength(line) + 1
    }
  }
  if (torn !== undefined) await truncate(path, whole)
  return whole
}

function traceOf(line: string): RolloutTrace | string {
  try {
    const read = rolloutTrace.safeParse(JSON.parse(line))
    return read.success ? read.data : 'is no rollout of a simulation'
  } catch {
    return 'is no JSON'
  }
}
