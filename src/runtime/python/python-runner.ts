import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { stringifyExactly } from '../../base/exact-json.ts'
import { createSlots } from '../concurrency.ts'
import type { NoAnswer, Runners } from '../openai-graders/runners.ts'
import type { Subject } from '../openai-graders/template-path.ts'
import { readEnded, serverError, usedLandlock } from './answer.ts'
import { type Ended, runChild } from './child.ts'
import { harness } from './harness.ts'
import { type Confinement, confinements, environment, findCommand } from './interpreter.ts'

/** The settings of {@link createPythonRunner}; the defaults are OpenAI's limits where it documents any. */
export interface PythonSettings {
  /** The interpreter, 3.8 or later: a name that is looked up in the usual folders, or an absolute path. `python3`. */
  readonly command?: string
  /** How long one grading may run, in seconds; waiting for its turn does not count. 120. */
  readonly seconds?: number
  /** The address space of one grading, in bytes. 2 GiB. */
  readonly memoryBytes?: number
  /** How much one grading may print, in bytes; the output is counted and discarded. 1 MiB. */
  readonly outputBytes?: number
  /** The length of the source, in bytes of UTF-8. 256,000. */
  readonly sourceBytes?: number
  /** How many gradings run at once; the others wait. See {@link defaultPythonConcurrency}. */
  readonly concurrency?: number | undefined
  /** The ways to start it that may be tried, strongest first. All of {@link confinements}. */
  readonly confinements?: readonly Confinement[]
  /** Whether the kernel's Landlock is used where it exists; false tries the audit hook alone. True. */
  readonly landlock?: boolean
}

/**
 * How many gradings run at once by default: 8, or twice the processors if that is more. Gradings that sleep or wait must not
 * hold up the others, and the operating system shares the processors between those that compute.
 */
export function defaultPythonConcurrency(): number {
  return Math.max(8, 2 * availableParallelism())
}

/** How Python is started on this machine. */
export type Interpreter =
  | {
      readonly found: true
      readonly command: string
      readonly confinement: Confinement
      /** Whether the kernel's Landlock guards files in addition to the audit hook. */
      readonly landlock: boolean
    }
  | (NoAnswer & { readonly found: false })

/**
 * Makes the runner of Python graders. It calls `grade(sample, item)` of the grader's source, in a new process for each
 * grading.
 *
 * The process gets the sample and the item on its standard input, an environment without anything of the server's, an empty
 * working directory that it cannot write to and that is removed, and kernel limits on time, memory, files (not one byte
 * can be written) and processes (none, and no threads). When it ends or is killed, its whole process group is killed. Where
 * the machine allows it, the process has no network, sees no other process and dies with the server. What the machine
 * allows is tried once, at the first grading, or earlier by {@link findInterpreter}. A server that runs as root runs the
 * code as a user that owns nothing, or not at all.
 *
 * **This is not a sandbox against an adversary.** Without namespaces (Docker's default profile, macOS), network, files and
 * other processes are guarded by CPython's audit hook and, on Linux, by Landlock. Code that gets round the hook can read
 * what the server's user can read, the server's environment included. A fault in the kernel or in CPython is exposed in any
 * case. So Python graders are off unless the operator trusts everyone who can post a grader.
 *
 * Any finite number is a score; a string is not a number. `python_grader_runtime_error`: the code raised an exception, has
 * no `grade`, or returned something else; the details are the end of the traceback, at most 2,000 characters, with
 * values of the item and the sample redacted in the message. `python_grader_server_error`: Python is missing, the source is
 * too long, a limit was hit, or the process died. Rejects only with the signal's reason, when no process is left.
 */
export function createPythonRunner(settings: PythonSettings = {}): NonNullable<Runners['python']> {
  const slots = createSlots(settings.concurrency ?? defaultPythonConcurrency())
  let interpreter: Promise<Interpreter> | undefined
  const find = async () => {
    interpreter ??= findInterpreter(settings)
    const found = await interpreter
    // The machine may have been out of processes only temporarily.
    if (!found.found) interpreter = undefined
    return found
  }
  return async ({ source }, subject, signal) => {
    const maxBytes = settings.sourceBytes ?? 256_000
    const length = Buffer.byteLength(source)
    if (length > maxBytes)
      return serverError('SourceTooLong', `the source has ${length} bytes, the limit is ${maxBytes}`)
    const input = inputOf(source, subject, settings)
    if (input === undefined) return serverError('InputUnreadable', 'the sample or the item is nested too deeply')
    return slots(signal, async () => {
      const found = await find()
      if (!found.found) return found
      try {
        const ended = await runIn(found, input, settings, signal)
        return readEnded(ended, secondsOf(settings), subject)
      } catch (error) {
        signal.throwIfAborted()
        return serverError('CannotStart', `Python did not start: ${error instanceof Error ? error.message : ''}`)
      }
    })
  }
}

/** Says in one phrase how Python graders are isolated on this machine. */
export function isolationOf({ confinement, landlock }: Interpreter & { readonly found: true }): string {
  return `${confinement.isolation}${landlock ? ' and Landlock' : ''}`
}

/**
 * Finds the interpreter and the strongest way to start it that this machine allows, by running a grader in each. Never
 * throws.
 *
 * @example
 * const python = await findInterpreter({ command: '/opt/graders/bin/python3' })
 * python.found && python.confinement.isolation // 'bubblewrap', or something weaker
 */
export async function findInterpreter(settings: PythonSettings = {}): Promise<Interpreter> {
  const name = settings.command ?? 'python3'
  const command = await findCommand(name)
  if (command === undefined) return { found: false, ...serverError('NotFound', `${name} is not installed`) }
  // The time limit of graders does not apply to this trial.
  const trial = { ...settings, seconds: 30 }
  const input = inputOf('def grade(sample, item): return 1', {}, trial)
  let last: NoAnswer | undefined
  for (const confinement of settings.confinements ?? confinements(process.getuid?.() === 0)) {
    const way = { command, confinement }
    const ended = await runIn(way, input ?? '', trial, AbortSignal.timeout(60_000)).catch(() => undefined)
    if (ended === undefined) continue
    const answer = readEnded(ended, trial.seconds, { sample: {}, item: {} })
    if (answer.ok) return { found: true, ...way, landlock: usedLandlock(ended) }
    last = answer
  }
  return { found: false, ...(last ?? serverError('CannotStart', 'Python did not start')) }
}

function secondsOf(settings: PythonSettings): number {
  return settings.seconds ?? 120
}

/** What the harness reads; undefined for values that are nested too deeply to be written as JSON. */
function inputOf(source: string, subject: Partial<Subject>, settings: PythonSettings): string | undefined {
  const limits = {
    RLIMIT_AS: settings.memoryBytes ?? 2 * 1024 ** 3,
    RLIMIT_CPU: Math.ceil(secondsOf(settings)) + 1,
    RLIMIT_FSIZE: 0,
    RLIMIT_NPROC: 0,
    RLIMIT_NOFILE: 256,
    RLIMIT_CORE: 0,
  }
  const { landlock = true } = settings
  try {
    return stringifyExactly({ source, sample: subject.sample ?? {}, item: subject.item ?? {}, limits, landlock })
  } catch (error) {
    if (error instanceof RangeError) return undefined
    throw error
  }
}

async function runIn(
  { command, confinement }: { readonly command: string; readonly confinement: Confinement },
  input: string,
  settings: PythonSettings,
  signal: AbortSignal,
): Promise<Ended> {
  const [program = command, ...args] = [...confinement.before, command, '-I', '-B', '-X', 'utf8', '-c', harness]
  const cwd = await mkdtemp(join(tmpdir(), 'python-grader-'))
  try {
    await chmod(cwd, 0o555)
    return await runChild(
      {
        program,
        args,
        identity: confinement.identity,
        env: environment,
        cwd,
        input,
        seconds: secondsOf(settings),
        outputBytes: settings.outputBytes ?? 1024 ** 2,
      },
      signal,
    )
  } finally {
    await rm(cwd, { recursive: true, force: true })
  }
}
