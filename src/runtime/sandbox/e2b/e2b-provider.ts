import { readScript } from '../commands.ts'
import { checkKey, type ExecRequest, type ExecResult, SandboxError, type SandboxProvider } from '../provider.ts'
import { createApi, type Described } from './api.ts'
import { pause } from './http.ts'
import { endedLineBytes, onceArgv, resultOf, writeArgv } from './journal.ts'
import { type Access, type Ended, envdPort, type Process, runProcess } from './processes.ts'

/** Settings of {@link createE2bProvider}. */
export interface E2bSettings {
  readonly apiKey: string
  /** The domain of the service, by default `e2b.app`. */
  readonly domain?: string | undefined
  /** The address of the REST API, by default `https://api.` and the domain. */
  readonly apiUrl?: string | undefined
  /** The address at which all sandboxes are reached, by default that of the domain. */
  readonly sandboxUrl?: string | undefined
  /** The user that commands run as, by default `user`. */
  readonly user?: string | undefined
  /** How many requests to the REST API run at once, by default 32. */
  readonly concurrentRequests?: number
}

/** A sandbox that this process has used. */
interface Known extends Described {
  readonly access: Access
}

/** Domains at which one address reaches every sandbox; at others each sandbox has a name of its own. */
const sharedAddress: ReadonlySet<string> = new Set(['e2b.app', 'e2b.dev', 'e2b.pro'])
/** How many sandboxes a process remembers how to reach. */
const mostKnown = 10_000
/** How often a command, or a read, is tried whose connection is lost. */
const tries = 3
const none = new Uint8Array()

/**
 * Makes the provider of sandboxes at E2B, or at a service with its API.
 *
 * The template is one of E2B's names or ids, or that of a snapshot. It needs `sh`, the tools of coreutils and util-linux, and
 * the user that commands run as. The journal belongs to root and lies in the sandbox: a command runs to its end whatever
 * becomes of the server. Processes that a command leaves behind run on until the sandbox closes.
 */
export function createE2bProvider(settings: E2bSettings): SandboxProvider {
  const { apiKey, domain = 'e2b.app', user = 'user', concurrentRequests = 32 } = settings
  const api = createApi({ apiKey, apiUrl: settings.apiUrl ?? `https://api.${domain}`, concurrentRequests })
  const known = new Map<string, Known>()

  const knownOf = async (handle: string, signal: AbortSignal): Promise<Known> => {
    const before = known.get(handle)
    if (before !== undefined) return before
    const described = await api.describe(handle, signal)
    if (described === undefined) throw gone(handle)
    if (!described.isRunning) throw new SandboxError('unavailable', `the sandbox ${handle} is paused`)
    const url = settings.sandboxUrl ?? addressOf(handle, described.domain ?? domain)
    const found = { ...described, access: { handle, url: url.replace(/\/+$/, ''), token: described.token } }
    const [oldest] = known.keys()
    if (known.size >= mostKnown && oldest !== undefined) known.delete(oldest)
    known.set(handle, found)
    return found
  }

  /** Runs a process; a lost connection may mean that the sandbox has gone. */
  const run = async (handle: string, signal: AbortSignal, processOf: (sandbox: Known) => Process): Promise<Ended> => {
    const sandbox = await knownOf(handle, signal)
    try {
      return await runProcess(sandbox.access, processOf(sandbox), signal)
    } catch (error) {
      if (!(error instanceof SandboxError) || error.code !== 'unavailable') throw error
      known.delete(handle)
      if ((await api.describe(handle, signal)) === undefined) throw gone(handle)
      throw error
    }
  }

  /** Tries again what can be repeated without harm. */
  const repeatedly = async <Result>(signal: AbortSignal, work: () => Promise<Result>): Promise<Result> => {
    for (let trial = 1; ; trial += 1) {
      try {
        return await work()
      } catch (error) {
        if (trial === tries || !(error instanceof SandboxError) || error.code !== 'unavailable') throw error
      }
      await pause(250 * 4 ** (trial - 1), signal)
    }
  }

  async function exec(handle: string, request: ExecRequest, signal: AbortSignal): Promise<ExecResult> {
    checkKey(request.key)
    const { input = none, maxOutputBytes } = request
    const bytes = typeof input === 'string' ? new TextEncoder().encode(input) : input
    const processOf = ({ pids, diskMb }: Known): Process => ({
      user: 'root',
      argv: onceArgv(request, { user, pids, diskMb }, bytes.length),
      input: bytes,
      maxStdoutBytes: maxOutputBytes + endedLineBytes,
      maxStderrBytes: Math.max(maxOutputBytes, 4096),
    })
    return repeatedly(signal, async () => resultOf(await run(handle, signal, processOf), request))
  }

  /** Runs a script as the agent's user and returns what it prints. */
  async function file(
    handle: string,
    argv: readonly string[],
    input: Uint8Array,
    maxStdoutBytes: number,
    signal: AbortSignal,
  ): Promise<Uint8Array> {
    const processOf = () => ({ user, argv, input, maxStdoutBytes, maxStderrBytes: 4096 })
    const { exitCode, stdout, stderr } = await run(handle, signal, processOf)
    if (exitCode === 0) return stdout
    const why = Buffer.from(stderr).toString().trim().slice(0, 500)
    if (exitCode === 1 || exitCode === 2) throw new SandboxError('refused', why)
    throw new SandboxError('unavailable', `a file could not be read or written: ${why}`)
  }

  return {
    name: 'e2b',
    host: undefined,
    create: (spec, labels, signal) => api.create(spec, labels, signal),
    find: (labels, signal) => api.find(labels, signal),
    exec,
    read: (handle, path, maxBytes, signal) =>
      repeatedly(signal, () => file(handle, [...readScript, path, String(maxBytes)], none, maxBytes, signal)),
    async write(handle, path, content, signal) {
      await file(handle, writeArgv(path, content.length), content, 4096, signal)
    },
    async alive(handle, signal) {
      return (await api.describe(handle, signal)) !== undefined
    },
    extend: (handle, ttlSeconds, signal) => api.extend(handle, ttlSeconds, signal),
    async close(handle, signal) {
      known.delete(handle)
      await api.close(handle, signal)
    },
    async problem() {
      try {
        await api.check(AbortSignal.timeout(15_000))
        return undefined
      } catch (error) {
        return error instanceof SandboxError ? error.message : 'E2B did not answer within 15 s'
      }
    },
    async end() {
      known.clear()
    },
  }
}

/** The address at which a sandbox is reached. */
function addressOf(handle: string, domain: string): string {
  if (sharedAddress.has(domain)) return `https://sandbox.${domain}`
  if (!/^[\w-]{1,128}$/.test(handle))
    throw new SandboxError('refused', 'the id of the sandbox is not valid in a host name')
  return `https://${envdPort}-${handle}.${domain}`
}

function gone(handle: string): SandboxError {
  return new SandboxError('gone', `the sandbox ${handle} does not exist`)
}
