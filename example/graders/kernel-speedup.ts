import { z } from 'zod'
import { defineEnvironment } from '../../src/kit/define.ts'
import { UngradableError } from '../../src/kit/errors.ts'
import { stripPython } from '../../src/kit/scoring/python-code.ts'
import { unpack } from '../../src/kit/scoring/written.ts'
import { problemIn } from './kernel/allowed-code.ts'

const name = z.string().regex(/^[\p{L}_][\p{L}\p{N}_]*$/u)

const { defineGrader } = defineEnvironment({
  task: z.object({ instructions: z.string() }),
  reference: z.object({
    reference_seconds: z.number().positive(),
    /** The speed-up that earns the full score. */
    cap: z.number().gt(1),
    /** A speed-up that no kernel can reach on this machine; a faster one did not do the work. */
    impossible: z.number().gt(1),
    /** Names that the code may not use: the reference, and library functions that do the whole task. */
    forbidden: z.array(name).min(1),
    /** Functions of numpy and torch that the code may use in addition to those that every kernel needs. */
    allowed: z.array(name).default([]),
    /** Whether C++ and CUDA in strings may be compiled. They are not inspected: only a sandbox can confine them. */
    inline: z.boolean().default(false),
  }),
  state: z.object({}),
})

const submission = z.object({ code: z.string() })
const measured = z.object({ correct: z.boolean(), seconds: z.number().positive() })
const failed = z.object({ correct: z.literal(false) })

/**
 * The speed-up of a correct kernel over the reference, on a logarithmic scale from 1× (score 0) to `cap`.
 *
 * The measurements of the `benchmark` tool count, never what the answer claims. The last submission counts, because the
 * best of many would reward submitting until one is lucky. For the same reason, code that was submitted several times
 * counts by its slowest run.
 *
 * The code is parsed by Python and checked against an allowlist; without `python3`, nothing is scored. **The check does
 * not replace a sandbox**: `measured-kernel` runs what needs no GPU in one. It sees the source, not the behaviour: stale memory from `torch.empty` may contain the
 * reference's result, and C++ in a string may do anything. The benchmark should run each submission in its own process,
 * on fresh, unpredictable inputs, before the reference runs.
 */
export const kernelSpeedup = defineGrader({
  name: 'kernel-speedup',
  version: '2',
  range: [0, 1],
  async grade({ trajectory, reference, signal }) {
    const { reference_seconds, cap, impossible } = reference
    const runs = trajectory.filter(({ tool, outcome }) => tool === 'benchmark' && outcome === 'ok').map(readRun)
    const last = runs.at(-1)
    if (last === undefined) return { score: 0, parts: { correct: 0 }, reason: 'nothing was submitted' }
    const same = runs.filter(({ code }) => bare(code) === bare(last.code))
    const wrong = same.some(({ correct }) => !correct)
    if (wrong) return { score: 0, parts: { correct: 0 }, reason: 'the last submission is not correct' }
    const problem = await problemIn(last.code, reference, signal)
    if (problem !== undefined) return { score: 0, parts: { correct: 1, honest: 0 }, reason: `not allowed: ${problem}` }
    const speedup = reference_seconds / Math.max(...same.map(({ seconds }) => seconds))
    const parts = { correct: 1, honest: 1, speedup }
    if (speedup >= impossible) return { score: 0, parts, reason: `${speedup.toFixed(1)}× is not possible` }
    const score = Math.min(1, Math.max(0, Math.log(speedup) / Math.log(cap)))
    return { score, parts, reason: `${speedup.toFixed(2)}× of ${cap}×` }
  },
})

/** Removes comments and white space, but keeps strings, because some kernels are strings. */
function bare(text: string): string {
  const stripped = stripPython(text, { keepStrings: true })
  return stripped.ok ? stripped.code.replace(/\s+/gu, '') : text
}

interface Run {
  readonly code: string
  readonly correct: boolean
  readonly seconds: number
}

/** Reads a benchmark's output. If it cannot be read, the failure is not the model's, so nothing is scored. */
function readRun(call: { readonly arguments: unknown; readonly output: string }): Run {
  const { data: made } = submission.safeParse(unpack(call.arguments))
  const output = unpack(call.output)
  const run = measured.safeParse(output).data ?? (failed.safeParse(output).success ? wrongRun : undefined)
  if (made === undefined || run === undefined) {
    throw new UngradableError(500, 'benchmark_unreadable', 'the output of the benchmark cannot be read')
  }
  return { ...run, code: made.code }
}

const wrongRun = { correct: false, seconds: Number.POSITIVE_INFINITY }
