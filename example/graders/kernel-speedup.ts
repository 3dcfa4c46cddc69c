import { createHash } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { defineEnvironment } from '../../src/kit/define.ts'
import { UngradableError } from '../../src/kit/errors.ts'
import { unpack } from '../../src/kit/scoring/written.ts'
import { problemIn } from './kernel/allowed-code.ts'
import { equal, measure, pythonIn } from './kernel/measure.ts'

const name = z.string().regex(/^[\p{L}_][\p{L}\p{N}_]*$/u)

/** An environment whose rollouts submit kernels; its sandbox has `python3`, and what the kernels need. */
export const kernels = defineEnvironment({
  task: z.object({ instructions: z.string() }),
  reference: z.object({
    /** Python that defines `run`, which computes what the kernel has to compute. */
    reference: z.string(),
    /** Python that defines `inputs(random)`: the arguments of one call, made with a `random.Random`. */
    inputs: z.string(),
    /** The speed-up that earns the full score. */
    cap: z.number().gt(1),
    /** A speed-up that no kernel can reach on this machine; a faster one did not do the work. */
    impossible: z.number().gt(1),
    /** Names that the code may not use: library functions that do the whole task. */
    forbidden: z.array(name).min(1),
    /** Functions of numpy and torch that the code may use in addition to those that every kernel needs. */
    allowed: z.array(name).default([]),
    /** Whether C++ and CUDA in strings may be compiled. They are not inspected: the sandbox confines them. */
    inline: z.boolean().default(false),
  }),
  state: z.object({}),
  sandboxes: { kernel: { template: fileURLToPath(new URL('kernel/workspace', import.meta.url)), pids: 64 } },
})

const submission = z.object({ code: z.string() })
/** On how many inputs a kernel is measured. */
const runs = 7

/**
 * The speed-up of a correct kernel over the reference, on a logarithmic scale from 1× (score 0) to `cap`. The grader checks and
 * measures the last code that the `benchmark` tool got, and trusts nothing that was recorded of it: kernel and reference run
 * in processes of their own in the rollout's sandbox, the kernel first, on inputs that depend on its code, so that it cannot hold
 * answers for them. The last submission counts, because the best of many would reward submitting until one is lucky.
 *
 * The code is parsed by Python and checked against an allowlist. The check sees the source, not the behaviour: stale memory from
 * `torch.empty` may contain the results of another process.
 *
 * @example { reference: 'def run(x): return sum(x)', inputs: 'def inputs(random): return ([random.random() for _ in range(9)],)' }
 */
export const kernelSpeedup = kernels.defineGrader({
  name: 'kernel-speedup',
  version: '3',
  range: [0, 1],
  timeoutSeconds: 90,
  sandboxes: ['kernel'],
  async grade({ trajectory, reference: rules, sandboxes, signal }) {
    const submitted = trajectory.filter(({ tool, outcome }) => tool === 'benchmark' && outcome === 'ok').at(-1)
    const code = submission.safeParse(unpack(submitted?.arguments)).data?.code
    if (code === undefined) return { score: 0, parts: { correct: 0 }, reason: 'nothing was submitted' }
    const python = pythonIn(sandboxes.kernel)
    const problem = await problemIn(code, rules, signal, python)
    if (problem !== undefined) return { score: 0, parts: { honest: 0 }, reason: `not allowed: ${problem}` }
    const { inputs, cap, impossible } = rules
    const seeds = Array.from({ length: runs }, (_, at) => createHash('sha256').update(`${at} ${code}`).digest('hex'))
    const kernel = await measure(python, { code, inputs, seeds }, signal)
    const original = await measure(python, { code: rules.reference, inputs, seeds }, signal)
    if (original === undefined) throw new UngradableError(500, 'reference_failed', 'the reference of the item fails')
    if (kernel === undefined || !equal(kernel.results, original.results)) {
      return { score: 0, parts: { honest: 1, correct: 0 }, reason: 'the last submission is not correct' }
    }
    const speedup = original.seconds / kernel.seconds
    const parts = { honest: 1, correct: 1, speedup }
    if (speedup >= impossible) return { score: 0, parts, reason: `${speedup.toFixed(1)}× is not possible` }
    const score = Math.min(1, Math.max(0, Math.log(speedup) / Math.log(cap)))
    return { score, parts, reason: `${speedup.toFixed(2)}× of ${cap}×` }
  },
})
