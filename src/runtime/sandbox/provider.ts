/** What a sandbox of one rollout is made of, and its limits. */
export interface SandboxSpec {
  /** A folder (local), an image (container), a template or snapshot id (hosted). */
  readonly template: string
  /** Whether commands can reach the network. */
  readonly network: boolean
  readonly memoryMb: number
  /** The most processes and threads at once. */
  readonly pids: number
  /** The most that commands may write, in megabytes. */
  readonly diskMb: number
  /** After so many seconds the provider may remove the sandbox by itself: a backstop for a server that never comes back. */
  readonly ttlSeconds: number
}

/** What a provider keeps with a sandbox, so that an interrupted `create` can be found again. */
export interface SandboxLabels {
  /** Which installation of the server it belongs to: nothing else is ever listed or removed. */
  readonly installation: string
  /** The rollout's number in the ledger. */
  readonly rollout: string
  /** The name from `sandboxes` in `defineEnvironment`. */
  readonly name: string
  readonly generation: string
}

/** A sandbox in a provider's own list. */
export interface Found {
  readonly handle: string
  readonly labels: SandboxLabels
  /** The host that it can be reached from; undefined if that is any. */
  readonly host?: string
}

/** A command to run in a sandbox. */
export interface ExecRequest {
  /** Identifies the execution: up to 200 letters, digits, `.`, `_` and `-`. */
  readonly key: string
  /** The program and its arguments; no shell reads them. */
  readonly argv: readonly string[]
  /** The working directory, by default the template's own. */
  readonly cwd?: string
  /** Variables in addition to the template's. Nothing of the server's environment is passed on. */
  readonly env?: Readonly<Record<string, string>>
  /** The standard input; empty by default. */
  readonly input?: string | Uint8Array
  readonly timeoutSeconds: number
  /** The limit of standard output and of standard error, each; the rest is dropped and `truncated` is set. */
  readonly maxOutputBytes: number
}

/** How a command ended. A failing command is an ordinary result. */
export interface ExecResult {
  /** As a shell reports it: 128 + n for a command that signal n killed; null if it was stopped at its timeout or disk limit. */
  readonly exitCode: number | null
  /** The signal that an exit code above 128 stands for, such as `SIGKILL`, or that stopped the command; null otherwise. */
  readonly signal: string | null
  readonly stdout: string
  readonly stderr: string
  readonly timedOut: boolean
  readonly truncated: boolean
}

/**
 * A service that makes isolated places to act in. Every method rejects with a {@link SandboxError} or with the reason of its
 * signal; after either, what was asked may have happened.
 */
export interface SandboxProvider {
  /** `local`, `container`, `e2b`. */
  readonly name: string
  /** The host that all handles belong to; undefined if any replica can use them. */
  readonly host: string | undefined
  /**
   * Whether `create` returns the sandbox that carries the labels, if there is one. Then an interrupted creation that succeeds
   * late makes no second one; without it, such a creation is looked for longer before it is repeated.
   */
  readonly createsOnce?: boolean
  /** Makes a sandbox. It has its labels from the first moment that it exists. */
  create(spec: SandboxSpec, labels: SandboxLabels, signal: AbortSignal): Promise<{ readonly handle: string }>
  /** Lists the sandboxes that exist and carry the labels, completely. */
  find(
    labels: Partial<SandboxLabels> & Pick<SandboxLabels, 'installation'>,
    signal: AbortSignal,
  ): Promise<readonly Found[]>
  /**
   * Runs a command once for its key. With a known key it returns the stored result or waits for the command that runs, and
   * rejects with `exec_ambiguous` if the command began and its end was lost. When it resolves, none of the command's
   * processes run any more, unless the provider's page says otherwise.
   */
  exec(handle: string, request: ExecRequest, signal: AbortSignal): Promise<ExecResult>
  /** Reads a file; `refused` if there is none, or if it has more than `maxBytes`. */
  read(handle: string, path: string, maxBytes: number, signal: AbortSignal): Promise<Uint8Array>
  /** Writes a file and the folders above it. */
  write(handle: string, path: string, content: Uint8Array, signal: AbortSignal): Promise<void>
  alive(handle: string, signal: AbortSignal): Promise<boolean>
  /** Sets the time to live, counted from now. */
  extend(handle: string, ttlSeconds: number, signal: AbortSignal): Promise<void>
  /** Removes the sandbox and all of its processes. One that does not exist is a success. */
  close(handle: string, signal: AbortSignal): Promise<void>
  /** What the provider lacks on this machine, as a sentence for the operator; undefined if it can be used. */
  problem(): Promise<string | undefined>
  /** How limits hold on this machine, as a sentence for the operator, where that depends on it. */
  note?(): Promise<string | undefined>
  /** Releases what the provider holds in this process; sandboxes stay. */
  end(): Promise<void>
}

/**
 * - `gone`: the sandbox does not exist any more;
 * - `exec_ambiguous`: the command began, and nobody can tell how it ended;
 * - `unavailable`: 429, 5xx, a lost connection or a timeout: it may have happened, look before trying again;
 * - `refused`: it did not happen, and the same request will be refused again.
 */
export type SandboxErrorCode = 'gone' | 'exec_ambiguous' | 'unavailable' | 'refused'

/** A sandbox or its provider failed; the message is for the operator. */
export class SandboxError extends Error {
  override readonly name = 'SandboxError'
  readonly code: SandboxErrorCode

  constructor(code: SandboxErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** @throws SandboxError `refused` if the key of a command is not safe for a file name. */
export function checkKey(key: string): void {
  if (/^[\w.-]{1,200}$/.test(key)) return
  throw new SandboxError('refused', 'the key of a command has up to 200 letters, digits, ".", "_" and "-"')
}
