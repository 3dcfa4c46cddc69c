import { existsSync } from 'node:fs'
import { open, truncate } from 'node:fs/promises'
import { readJsonLines } from '../../base/json-lines.ts'
import { type RolloutTrace, rolloutTrace } from './trace.ts'

/** A file of rollouts that is being written, one line a rollout. */
export interface TraceFile {
  /** Resolves when the line is written. */
  write(trace: RolloutTrace): Promise<void>
  close(): Promise<void>
}

/**
 * Opens a trace file to resume: hands over the rollouts in it, removes a last line that is incomplete, and appends. Creates
 * the file if it does not exist.
 *
 * @throws Error that names the line where the file is not a trace file.
 */
export async function openTraceFile(path: string, onRollout: (trace: RolloutTrace) => void): Promise<TraceFile> {
  const whole = existsSync(path) ? await readTraces(path, onRollout) : 0
  const file = await open(path, 'a')
  // The last line is complete but for its line feed.
  if ((await file.stat()).size === whole - 1) await file.appendFile('\n')
  let last = Promise.resolve()
  return {
    write(trace) {
      // One at a time: concurrent writes could interleave.
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

/** Hands over the traces of a file, truncates it behind the last whole line, and returns its length in bytes. */
async function readTraces(path: string, onRollout: (trace: RolloutTrace) => void): Promise<number> {
  let whole = 0
  let torn: string | undefined
  for await (const { line, end, ...read } of readJsonLines(path)) {
    if (torn !== undefined) throw new Error(`${path}, ${torn}; give another file with --out`)
    const trace = rolloutTrace.safeParse(read.value)
    if (trace.success) {
      onRollout(trace.data)
      whole = end
    } else torn = `line ${line}, ${read.problem ?? 'is not a rollout of a simulation'}`
  }
  if (torn !== undefined) await truncate(path, whole)
  return whole
}
