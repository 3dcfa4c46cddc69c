// A bad grader, kept so that `grader check` must find its fault.
// Its static check is passed by aliases, `__getattribute__`, annotated and tuple assignments, and caches in default arguments.
import { z } from 'zod'
import { defineEnvironment } from '../../../../src/kit/define.ts'
import { UngradableError } from '../../../../src/kit/errors.ts'
import { stripPython } from '../../../../src/kit/scoring/python-code.ts'
import { unpack } from '../../../../src/kit/scoring/written.ts'

const { defineGrader } = defineEnvironment({
  task: z.object({ instructions: z.string() }),
  reference: z.object({
    reference_seconds: z.number().positive(),
    /** The speed-up that earns the full score. */
    cap: z.number().gt(1),
    /** No kernel can be this much faster on this machine: code that is did not do the work. */
    impossible: z.number().gt(1),
    /** Names that the code may not use: that of the reference, and of library functions that are the whole task. */
    forbidden: z.array(z.string().regex(/^[\p{L}_][\p{L}\p{N}_]*$/u)).min(1),
  }),
  state: z.object({}),
})

const submission = z.object({ code: z.string() })
const measured = z.object({ correct: z.boolean(), seconds: z.number().positive() })
const failed = z.object({ correct: z.literal(false) })

/** Known ways to cheat instead of writing a kernel, matched after comments and strings are removed. */
const tricks: readonly (readonly [what: string, pattern: RegExp])[] = [
  ['code made at run time', /\b(?:exec|eval|compile|__import__|importlib|import_module|ctypes|pickle|marshal)\b/u],
  ['names looked up at run time', /\b(?:getattr|setattr|globals|locals|vars|attrgetter|methodcaller|__dict__)\b/u],
  ['an inspection of its caller', /\b(?:inspect|sys|gc|builtins|__builtins__|_getframe|__subclasses__|__globals__)\b/u],
  ['a fall-back', /\b(?:try|except|suppress)\b/u],
  ['a clock', /\b(?:perf_counter|monotonic|process_time|datetime|elapsed_time|clock)(?:_ns)?\b|\btime\s*\./u],
  ['a clock', /\bfrom\s+time\b|\bimport\b[^\n]*\btime\b/u],
  [
    'answers cached by their input',
    /\b(?:lru_cache|cache|cached|cached_property|\w*_cache|memo|memoized?|data_ptr)\b/iu,
  ],
  ['answers cached by their input', /\b(?:global|nonlocal)\b|\b(?:id|hash)\s*\(/u],
  ['files or processes', /\b(?:open|os|subprocess|pathlib|socket)\b/u],
  ['a change of a library', /\b(?:torch|triton|numpy|np|tl)(?:\s*\.\s*\w+)+\s*=(?!=)/u],
]

/**
 * Scores the speed-up of a correct kernel over the reference, on a logarithmic scale from 1× (0) to `cap`.
 *
 * Only what the `benchmark` tool measured counts, never what the answer says. The last submission counts, since the best
 * one would pay for submitting often and being lucky once; code that was submitted several times counts by its slowest
 * run. A list of tricks is never complete: the first guard is fresh inputs for each run, in the tool, and this check is
 * the second.
 */
export const kernelSpeedup = defineGrader({
  name: 'kernel-speedup',
  version: '1',
  range: [0, 1],
  grade({ trajectory, reference: { reference_seconds, cap, impossible, forbidden } }) {
    const runs = trajectory.filter(({ tool, outcome }) => tool === 'benchmark' && outcome === 'ok').map(readRun)
    const last = runs.at(-1)
    if (last === undefined) return { score: 0, parts: { correct: 0 }, reason: 'nothing was submitted' }
    const same = runs.filter(({ code }) => bare(code) === bare(last.code))
    const wrong = same.some(({ correct }) => !correct)
    if (wrong) return { score: 0, parts: { correct: 0 }, reason: 'the last submission is not correct' }
    const trick = trickIn(last.code, forbidden)
    if (trick !== undefined) return { score: 0, parts: { correct: 1, honest: 0 }, reason: trick }
    const speedup = reference_seconds / Math.max(...same.map(({ seconds }) => seconds))
    const parts = { correct: 1, honest: 1, speedup }
    if (speedup >= impossible) return { score: 0, parts, reason: `${speedup.toFixed(1)}× is impossible` }
    const score = Math.min(1, Math.max(0, Math.log(speedup) / Math.log(cap)))
    return { score, parts, reason: `${speedup.toFixed(2)}× of ${cap}×` }
  },
})

/** Comments and white space do not make another submission; strings do, since some kernels are written in one. */
function bare(text: string): string {
  const stripped = stripPython(text, { keepStrings: true })
  return stripped.ok ? stripped.code.replace(/\s+/gu, '') : text
}

/** Why the code is not a kernel, or undefined. */
function trickIn(text: string, forbidden: readonly string[]): string | undefined {
  const stripped = stripPython(text)
  if (!stripped.ok) return stripped.reason
  const names = new Set(stripped.code.match(/[\p{L}_][\p{L}\p{N}_]*/gu))
  const named = forbidden.find((name) => names.has(name.normalize('NFKC')))
  if (named !== undefined) return `it uses ${named}`
  return tricks.find(([, pattern]) => pattern.test(stripped.code))?.[0]
}

interface Run {
  readonly code: string
  readonly correct: boolean
  readonly seconds: number
}

/** An unreadable benchmark result is our failure: it gives no score. */
function readRun(call: { readonly arguments: unknown; readonly output: string }): Run {
  const { data: made } = submission.safeParse(unpack(call.arguments))
  const output = unpack(call.output)
  const run = measured.safeParse(output).data ?? (failed.safeParse(output).success ? wrongRun : undefined)
  if (made === undefined || run === undefined) {
    throw new UngradableError(500, 'benchmark_unreadable', 'the result of the benchmark cannot be read')
  }
  return { ...run, code: made.code }
}

const wrongRun = { correct: false, seconds: Number.POSITIVE_INFINITY }
