import { existsSync } from 'node:fs'
import { open, truncate } from 'node:fs/promises'
import { z } from 'zod'
import { stringifyExactly } from '../../base/exact-json.ts'
import { readJsonLines } from '../../base/json-lines.ts'

/** One tool call as the trainer saw it. */
export const callTrace = z.object({
  call_id: z.string(),
  tool: z.string(),
  arguments: z.unknown(),
  /** The HTTP status of the answer that the agent read. */
  status: z.number(),
  output: z.string(),
  /** From the first attempt to the answer, in milliseconds. */
  ms: z.number(),
  attempts: z.number(),
  /** Why attempts failed. */
  errors: z.array(z.string()),
  repeats: z.number(),
  differences: z.number(),
})

/** One rollout as the trainer saw it: a line of a trace file. */
export const rolloutTrace = z.object({
  rollout: z.string(),
  /** The run that it belongs to, if one was named. */
  run: z.string().optional(),
  agent: z.string(),
  /** The item's place in the dataset, from 0. */
  item: z.number(),
  /** The hash of the item's content. */
  item_hash: z.string(),
  /** The rollout's place in the item's group, from 0. */
  member: z.number(),
  outcome: z.enum(['scored', 'discarded']),
  /** Null when it was discarded, which is not a reward of 0. */
  reward: z.number().nullable(),
  /** Why it was discarded; null when it was not. */
  discarded: z.string().nullable(),
  output_text: z.string(),
  output_tokens: z.number(),
  input_tokens: z.number(),
  steps: z.number(),
  calls: z.array(callTrace),
  grading: callTrace
    .pick({ status: true, ms: true, attempts: true, errors: true, repeats: true, differences: true })
    .nullable(),
  started_at: z.string(),
  ms: z.number(),
})

/** One tool call as the trainer saw it. */
export type CallTrace = z.infer<typeof callTrace>
/** One rollout as the trainer saw it. */
export type RolloutTrace = z.infer<typeof rolloutTrace>

/** A trace file to write to, one line per rollout. */
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
        await file.appendFile(`${stringifyExactly(trace)}\n`)
      })
      return last
    },
    async close() {
      await last.catch(() => {})
      await file.close()
    },
  }
}

/** Hands over the traces of a file, truncates it after the last whole line, and returns its length in bytes. */
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

/** The run of the first rollout in a trace file; undefined if the file does not exist, is empty, or does not name the run. */
export async function runOfTraces(path: string): Promise<string | undefined> {
  if (!existsSync(path)) return undefined
  for await (const { value } of readJsonLines(path)) return rolloutTrace.safeParse(value).data?.run
  return undefined
}
