import { z } from 'zod'
import { UngradableError } from '../../../src/kit/errors.ts'
import type { Sandbox } from '../../../src/kit/sandboxes.ts'
import { runFairly } from '../../../src/kit/scoring/fair-command.ts'

/** Runs a Python program with its input, and resolves with what it printed; undefined if it failed because of its input. */
export type RunPython = (program: string, input: string, signal: AbortSignal) => Promise<string | undefined>

/** What a function computed for each of its inputs, and the median time of one call. */
export interface Measured {
  readonly results: readonly unknown[]
  readonly seconds: number
}

const printed = z.object({ results: z.array(z.unknown()), seconds: z.array(z.number().positive()).min(1) })

/** How much processor time one program may use, in seconds. */
const cpuSeconds = 10

/**
 * Runs Python in a sandbox, where it sees nothing of the server.
 *
 * @throws UngradableError if the sandbox has no `python3`, or if its machine is too busy for the program to end in time.
 */
export function pythonIn(sandbox: Sandbox): RunPython {
  return async (program, input, signal) => {
    const options = { input, signal, cpuSeconds, maxOutputBytes: 5_000_000 }
    const done = await runFairly(sandbox, ['python3', '-I', '-c', program], options)
    if (done.exitCode === 127) throw new UngradableError(503, 'python_missing', 'the sandbox has no python3')
    return done.exitCode === 0 && !done.truncated ? done.stdout : undefined
  }
}

/**
 * Runs the function `run` of a Python source on inputs made by the function `inputs` of another, once for each seed, and measures
 * it. Undefined if it fails, returns anything other than numbers and lists of them, or takes too long.
 */
export async function measure(
  python: RunPython,
  given: { readonly code: string; readonly inputs: string; readonly seeds: readonly string[] },
  signal: AbortSignal,
): Promise<Measured | undefined> {
  const text = await python(driver, JSON.stringify(given), signal)
  const found = text === undefined ? undefined : printed.safeParse(readJson(text)).data
  if (found === undefined) return undefined
  const sorted = [...found.seconds].sort((a, b) => a - b)
  return { results: found.results, seconds: sorted[Math.floor(sorted.length / 2)] ?? 0 }
}

/** Whether two results are equal: numbers within a millionth, lists element by element. */
export function equal(one: unknown, other: unknown): boolean {
  if (typeof one === 'number' && typeof other === 'number') {
    return Math.abs(one - other) <= 1e-6 * Math.max(1, Math.abs(other))
  }
  if (!Array.isArray(one) || !Array.isArray(other)) return one === other
  return one.length === other.length && one.every((element, at) => equal(element, other[at]))
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

// A kernel cannot reach the names of this program: the check of its code allows neither `import sys` nor attributes of frames.
const driver = `
import json, random, sys, time

given = json.load(sys.stdin)

def load(source, name):
    names = {"__name__": "kernel"}
    exec(compile(source, name, "exec"), names)
    return names[name]

def plain(value):
    """Numbers and lists of them: anything else could do its work later, when nobody measures it."""
    if type(value).__module__ == "numpy": value = value.tolist()
    if type(value) in (list, tuple): return [plain(one) for one in value]
    if type(value) in (int, float, bool): return value
    raise TypeError("not a number or a list")

inputs, run = load(given["inputs"], "inputs"), load(given["code"], "run")
results, seconds = [], []
for seed in given["seeds"]:
    made = inputs(random.Random(seed))
    began = time.perf_counter()
    value = run(*made)
    seconds.append(max(time.perf_counter() - began, 1e-9))
    results.append(plain(value))
json.dump({"results": results, "seconds": seconds}, sys.stdout)
`
