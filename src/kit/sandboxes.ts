import { UngradableError } from './errors.ts'
import type { ItemReader } from './item-reader.ts'

/** How a command ended in a sandbox. A failing command is an ordinary result. */
export interface CommandResult {
  /** 128 + n if signal n ended it; null if the timeout or the disk limit did. */
  readonly exitCode: number | null
  /** Such as `SIGKILL`; null if it exited. */
  readonly signal: string | null
  readonly stdout: string
  readonly stderr: string
  readonly timedOut: boolean
  /** Whether output beyond the limit was dropped. */
  readonly truncated: boolean
}

/** How a command runs in a sandbox. */
export interface CommandOptions {
  /** Ends the wait for the command; the tool's or grader's own signal is heeded in any case. */
  readonly signal?: AbortSignal
  /** The working directory; by default that of the template. */
  readonly cwd?: string
  /** Variables in addition to the template's; nothing of the server's environment is passed on. */
  readonly env?: Readonly<Record<string, string>>
  /** The standard input; empty by default. */
  readonly input?: string | Uint8Array
  /** After so many seconds the command is killed; default: 30. */
  readonly timeoutSeconds?: number
  /** The most bytes of standard output and of standard error, each; default: 100,000. */
  readonly maxOutputBytes?: number
}

/** A sandbox of the rollout. Each method throws if the sandbox fails, which fails the call or makes the rollout ungradable. */
export interface Sandbox {
  /**
   * Runs a program with its arguments; no shell reads them. The n-th command of a call or a grading runs once: another
   * execution of the call gets the recorded result. So run the same commands in the same order in each execution.
   *
   * Throws a `ToolError` if an argument cannot be part of a command (it contains U+0000, or has more than 128 kB), and a
   * `TypeError` if an option is invalid. A program that does not exist, or a `cwd` that cannot be entered, is an ordinary
   * result with exit code 127 or 126.
   *
   * @example const { exitCode, stdout } = await sandboxes.shell.exec(['sh', '-c', input.command], { signal })
   */
  exec(argv: readonly string[], options?: CommandOptions): Promise<CommandResult>
  /** Reads a file of at most `maxBytes` (default: a million). Throws a `ToolError` if it cannot be read. */
  readFile(path: string, options?: { readonly maxBytes?: number }): Promise<Uint8Array>
  /** Writes a file and the folders above it. Throws a `ToolError` if it cannot be written. */
  writeFile(path: string, content: string | Uint8Array): Promise<void>
}

/** Sandboxes by the names that a tool or a grader asked for. */
export type Sandboxes<Name extends string> = Readonly<Record<Name, Sandbox>>

/** A sandbox that each rollout may open; see {@link EnvironmentSpec.sandboxes}. */
export interface SandboxDefinition<Task> {
  /**
   * What it is made of: a folder for the provider `local`, an image for `container`, a template or snapshot for `e2b`. A
   * function chooses it by the item.
   */
  readonly template: string | ((task: Readonly<Task>) => string)
  /** Whether commands can reach the network; default: false. */
  readonly network?: boolean
  /** Default: 512. */
  readonly memoryMb?: number
  /** The most processes and threads at once; default: 256. */
  readonly pids?: number
  /** The most that commands may write, in megabytes; default: 256. */
  readonly diskMb?: number
  /**
   * How long it is kept without a call, in seconds; by default as long as its rollout, and not less: the server refuses to
   * start with an idle time below that of rollouts (`ROLLOUT_IDLE_MINUTES`).
   */
  readonly idleSeconds?: number
  /** How long rollouts, and with them their sandboxes, are kept after a grading; default: `KEEP_AFTER_GRADING_SECONDS`. */
  readonly keepAfterGradingSeconds?: number
}

/** A definition of a sandbox as the server uses it: with its defaults, and its template read from the item. */
export interface SandboxPlan {
  readonly name: string
  readonly network: boolean
  readonly memoryMb: number
  readonly pids: number
  readonly diskMb: number
  readonly idleSeconds: number | undefined
  readonly keepAfterGradingSeconds: number | undefined
  /** The template for an item; or why the item is invalid. Throws what the environment's function throws. */
  templateFor(
    item: unknown,
    itemHash?: string,
  ): { readonly fits: true; readonly template: string } | { readonly fits: false; readonly message: string }
}

/** Prepares an environment's definitions of sandboxes. Throws if a name or a limit is invalid. */
export function planSandboxes<Task>(
  definitions: Readonly<Record<string, SandboxDefinition<Task>>>,
  items: Pick<ItemReader<Task, unknown>, 'task'>,
): readonly SandboxPlan[] {
  return Object.entries(definitions).map(([name, definition]) => {
    if (!/^[a-z][a-z0-9_]{0,31}$/i.test(name)) {
      throw new Error(`invalid sandbox name "${name}": use a letter and then at most 31 letters, digits and _`)
    }
    const { template, network = false, memoryMb = 512, pids = 256, diskMb = 256 } = definition
    const { idleSeconds, keepAfterGradingSeconds } = definition
    for (const [limit, value] of Object.entries({ memoryMb, pids, diskMb, idleSeconds, keepAfterGradingSeconds })) {
      if (value === undefined || (Number.isSafeInteger(value) && value > 0)) continue
      throw new Error(`the sandbox "${name}" has ${limit} ${value}; it must be a positive whole number`)
    }
    return {
      name,
      network,
      memoryMb,
      pids,
      diskMb,
      idleSeconds,
      keepAfterGradingSeconds,
      templateFor(item, itemHash) {
        if (typeof template === 'string') return { fits: true, template }
        const task = items.task(item, itemHash)
        return task.fits ? { fits: true, template: template(task.value) } : task
      },
    }
  })
}

/**
 * The sandboxes of these names. Throws an `UngradableError` if one is missing: a recorded rollout is graded again after its
 * sandboxes were closed.
 */
export function namedSandboxes<Name extends string>(
  names: readonly Name[],
  given: Readonly<Record<string, Sandbox>> = {},
): Sandboxes<Name> {
  if (hasAll(names, given)) return given
  throw new UngradableError(500, 'no_sandbox', `the sandboxes of this rollout are closed: ${names.join(', ')}`)
}

function hasAll<Name extends string>(
  names: readonly Name[],
  given: Readonly<Record<string, Sandbox>>,
): given is Sandboxes<Name> {
  return names.every((name) => name in given)
}

/** Throws if a tool or a grader names a sandbox that its environment does not define. */
export function checkSandboxNames(
  who: string,
  names: readonly string[],
  { sandboxes = {} }: { readonly sandboxes?: Readonly<Record<string, unknown>> | undefined },
): void {
  const unknown = names.find((name) => !Object.hasOwn(sandboxes, name))
  if (unknown === undefined) return
  const known = Object.keys(sandboxes).join(', ') || 'none'
  throw new Error(`${who} names the sandbox "${unknown}"; the environment defines: ${known}`)
}
