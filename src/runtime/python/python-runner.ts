import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createSlots } from '../concurrency.ts'
import type { NoAnswer, Runners } from '../openai-graders/runners.ts'
import type { Subject } from '../openai-graders/template-path.ts'
import { readEnded, serverError } from './answer.ts'
import { type Ended, runChild } from './child.ts'
import { harness } from './harness.ts'
import { type Confinement, confinements, environment, findCommand } from './interpreter.ts'

/** What {@link createPythonRunner} may be told; what is left out is as OpenAI documents it, where it does. */
export interface PythonSettings {
  /** The interpreter, 3.8 or later: a name that is looked for in the usual folders, or an absolute path. `python3`. */
  readonly command?: string
  /** How long one grading may take once it runs, in seconds. 120. */
  readonly seconds?: number
  /** The address space of one grading, in bytes. 2 GiB. */
  readonly memoryBytes?: number
  /** What one grading may print, in bytes; it is counted and thrown away. 1 MiB. */
  readonly outputBytes?: number
  /** How long the source may be, in bytes of UTF-8. 256,000. */
  readonly sourceBytes?: number
  /** How many gradings run at once; the others wait. 2. */
  readonly concurrency?: number
  /** The ways to start it that may be tried, strongest first. All that {@link confinements} knows. */
  readonly confinements?: readonly Confinement[]
}

/** How Python is started on this machine. */
export type Interpreter =
  | { readonly found: true; readonly command: string; readonly confinement: Confinement }
  | (NoAnswer & { readonly found: false })

/**
 * Makes the runner of Python graders: `grade(sample, item)` of the grader's source, in a new process for each grading.
 *
 * The process gets the sample and the item on its standard input, an environment without anything of the server's, an empty
 * working directory that it cannot write to and that is removed, and limits of the kernel's on time, memory, files (no byte
 * can be written) and processes (none, and no threads). When it ends or is ended, all of its process group is killed. Where
 * the machine allows it, it has no network, sees no other process and dies with the server; which is tried once, at the first
 * grading, or before it by {@link findInterpreter}. A server that is root runs it as a user who owns nothing, or not at all.
 *
 * **This is no sandbox against an adversary.** Where namespaces are not allowed (Docker's default profile, macOS), network,
 * files and other processes are guarded by an audit hook of CPython alone, which code written for it can get round: it
 * could then read what the server's user may read, the server's environment included, and use the network. A fault in the
 * kernel or in CPython is open to it in any case. So it is off unless the operator trusts whoever may post a grader.
 *
 * A finite number is the score, whatever its type but text. `python_grader_runtime_error`: the code threw, has no `grade`, or
 * gave no finite number; its details are the end of the traceback, at most 2,000 characters, with what stands in the item or
 * the sample taken out of the message. `python_grader_server_error`: Python is not there, the source is too long, a limit was
 * hit, or the process died. Rejects with the signal's reason alone, when nothing of the process is left.
 */
export function createPythonRunner(settings: PythonSettings = {}): NonNullable<Runners['python']> {
  const slots = createSlots(settings.concurrency ?? 2)
  let interpreter: Promise<Interpreter> | undefined
  const find = async () => {
    interpreter ??= findInterpreter(settings)
    const found = await interpreter
    // A machine that was out of processes for a moment may have Python after all.
    if (!found.found) interpreter = undefined
    return found
  }
  return async ({ source }, subject, signal) => {
    const most = settings.sourceBytes ?? 256_000
    const length = Buffer.byteLength(source)
    if (length > most) return serverError('SourceTooLong', `the source has ${length} bytes, and may have ${most}`)
    const input = inputOf(source, subject, settings)
    if (input === undefined) return serverError('InputUnreadable', 'the sample or the item is nested too deep')
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

/**
 * Finds the interpreter and the strongest way to start it that this machine allows, by running a grader in each; never throws.
 *
 * @example
 * const python = await findInterpreter({ command: '/opt/graders/bin/python3' })
 * python.found && python.confinement.isolation // 'namespaces', or something weaker
 */
export async function findInterpreter(settings: PythonSettings = {}): Promise<Interpreter> {
  const name = settings.command ?? 'python3'
  const command = await findCommand(name)
  if (command === undefined) return { found: false, ...serverError('NotFound', `there is no ${name} here`) }
  // The time that a grader may take says nothing of the time that this may take.
  const trial = { ...settings, seconds: 30 }
  const input = inputOf('def grade(sample, item): return 1', {}, trial)
  let last: NoAnswer | undefined
  for (const confinement of settings.confinements ?? confinements(process.getuid?.() === 0)) {
    const way = { command, confinement }
    const ended = await runIn(way, input ?? '', trial, AbortSignal.timeout(60_000)).catch(() => undefined)
    const answer = ended && readEnded(ended, trial.seconds, { sample: {}, item: {} })
    if (answer?.ok) return { found: true, ...way }
    last = answer
  }
  return { found: false, ...(last ?? serverError('CannotStart', 'Python did not start')) }
}

const secondsOf = (settings: PythonSettings) => settings.seconds ?? 120

/** What the harness reads; undefined for what is nested deeper than JSON can be written here. */
function inputOf(source: string, subject: Partial<Subject>, settings: PythonSettings): string | undefined {
  const limits = {
    RLIMIT_AS: settings.memoryBytes ?? 2 * 1024 ** 3,
    RLIMIT_CPU: Math.ceil(secondsOf(settings)) + 1,
    RLIMIT_FSIZE: 0,
    RLIMIT_NPROC: 0,
    RLIMIT_NOFILE: 256,
    RLIMIT_CORE: 0,
  }
  try {
    return JSON.stringify({ source, sample: subject.sample ?? {}, item: subject.item ?? {}, limits })
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
