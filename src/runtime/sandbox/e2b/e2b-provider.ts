import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { CommandExitError, E2B, type Sandbox } from 'e2b'
import { LRUCache } from 'lru-cache'
import { createSecretRedactor } from '../../../base/redact.ts'
import { decoded, fileFailure, readScript, writeScript } from '../commands.ts'
import { checkKey, type ExecRequest, type Found, SandboxError, type SandboxProvider } from '../provider.ts'
import { insideFailure, restFailure } from './errors.ts'
import { commandLine, type Ended, endOf, inputPath, type ShellEnd } from './journal.ts'
import { type Limits, labelsMetadata, labelsOf, limitsMetadata, limitsOf } from './labels.ts'

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
}

/** A sandbox that this process has used. */
interface Known {
  readonly sandbox: Sandbox
  readonly limits: Limits
}

/** A script that reads or writes a file; it gets the path and `maxBytes`. */
interface FileWork {
  readonly path: string
  readonly script: readonly string[]
  readonly input?: Uint8Array
  readonly maxBytes: number
}

/** How many sandboxes a process remembers how to reach; each takes some 7 kB. */
const mostKnown = 2_000
/** How often a command, or a read, is tried whose connection is lost. */
const tries = 3
/** How often the package sends a request again that was rejected with 429, which means that nothing has happened. */
const retries = 5
const pageSize = 100
/** Within this time a command must begin, in milliseconds. */
const beginMs = 30_000
/** Reading and writing a file may take so long, in seconds. */
const fileSeconds = 60
const longestPath = 4096

/**
 * Makes the provider of sandboxes at E2B, or at a service with its API.
 *
 * The template is one of E2B's names or ids, or that of a snapshot. It needs `bash`, the tools of coreutils and util-linux, and
 * the user that commands run as. The journal belongs to root and lies in the sandbox: a command runs to its end whatever
 * becomes of the server. Processes that a command leaves behind run on until the sandbox closes.
 */
export function createE2bProvider(settings: E2bSettings): SandboxProvider {
  const { apiKey, domain = 'e2b.app', user = 'user', sandboxUrl, apiUrl = `https://api.${domain}` } = settings
  // The package would take what is missing from the environment. The caller's signal limits the time of each request.
  const connection = { apiKey, domain, apiUrl, ...(sandboxUrl !== undefined && { sandboxUrl }), debug: false }
  const { Sandbox: Service } = new E2B({ ...connection, retries, requestTimeoutMs: 0 })
  const redacted = createSecretRedactor([apiKey])
  const known = new LRUCache<string, Known>({ max: mostKnown })

  /** Sends a request to the REST API. */
  const ask = async <Result>(what: string, signal: AbortSignal, work: () => Promise<Result>): Promise<Result> => {
    signal.throwIfAborted()
    try {
      return await work()
    } catch (error) {
      if (signal.aborted) throw signal.reason
      const { code, message, cause } = restFailure(what, new URL(apiUrl).host, error)
      throw new SandboxError(code, redacted(message), { cause })
    }
  }

  /** Describes a sandbox; undefined if it does not exist. */
  const describe = async (handle: string, signal: AbortSignal) => {
    const asking = ask(`find the sandbox ${handle}`, signal, () => Service.getInfo(handle, { signal }))
    const info = await asking.catch(undefinedIfGone)
    if (info === undefined || info.sandboxId === handle) return info
    throw new SandboxError('unavailable', 'E2B described another sandbox than was asked for')
  }

  const knownOf = async (handle: string, signal: AbortSignal): Promise<Known> => {
    const before = known.get(handle)
    if (before !== undefined) return before
    const info = await describe(handle, signal)
    if (info === undefined) throw gone(handle)
    // Connecting would resume it, and end it soon after: its intended lifetime is unknown.
    if (info.state !== 'running') throw new SandboxError('unavailable', `the sandbox ${handle} is paused`)
    // This extends the time to live of a running sandbox, and never shortens it.
    const connecting = () => Service.connect(handle, { timeoutMs: 1_000, signal })
    const sandbox = await ask(`connect to the sandbox ${handle}`, signal, connecting)
    const found = { sandbox, limits: limitsOf(info.metadata) }
    known.set(handle, found)
    return found
  }

  /** Asks the service in a sandbox; what fails there may mean that the sandbox has gone. */
  const inside = async <Result>(handle: string, signal: AbortSignal, work: (known: Known) => Promise<Result>) => {
    const sandbox = await knownOf(handle, signal)
    try {
      return await work(sandbox)
    } catch (error) {
      if (signal.aborted) throw signal.reason
      if (error instanceof SandboxError) throw error
      const failure = insideFailure(error)
      if (failure.code === 'refused') throw failure
      known.delete(handle)
      if ((await describe(handle, signal)) === undefined) throw gone(handle)
      throw failure
    }
  }

  /** Runs a command once for its key, or without keeping its result. */
  const run = async (handle: string, request: ExecRequest, keeps: boolean, signal: AbortSignal): Promise<Ended> => {
    const { key, input } = request
    const path = input === undefined || input.length === 0 ? undefined : inputPath(key, randomUUID())
    const shellEnd = await inside(handle, signal, async ({ sandbox, limits }): Promise<ShellEnd> => {
      const line = commandLine(request, { limits, user, input: path, keeps })
      if (path !== undefined && input !== undefined) {
        await sandbox.files.write(path, new Blob([new Uint8Array(Buffer.from(input))]), { user: 'root', signal })
      }
      // With a time limit of its own the service would kill the script that records the command's end.
      const options = { user: 'root', timeoutMs: 0, requestTimeoutMs: beginMs, signal }
      return await sandbox.commands.run(line, options).catch((error: unknown) => {
        if (error instanceof CommandExitError) return error
        throw error
      })
    })
    return endOf(shellEnd, request)
  }

  /** Tries again what can be repeated without harm. */
  const repeatedly = async <Result>(signal: AbortSignal, work: () => Promise<Result>): Promise<Result> => {
    for (let trial = 1; ; trial += 1) {
      try {
        return await work()
      } catch (error) {
        if (trial === tries || !(error instanceof SandboxError) || error.code !== 'unavailable') throw error
      }
      await sleep(250 * 4 ** (trial - 1), undefined, { signal }).catch(() => signal.throwIfAborted())
    }
  }

  /**
   * Runs a script for a file as the agent's user and returns what it prints: the service's own reading and writing of files
   * would follow an agent's links as root. `refused` means that the path is to blame; the model reads it as its own fault.
   */
  const file = async (handle: string, { path, script, input, maxBytes }: FileWork, signal: AbortSignal) => {
    if (path.includes('\0') || path.length > longestPath) throw new SandboxError('refused', 'the path is not valid')
    const argv = [...script, path, String(maxBytes)]
    const limits = { timeoutSeconds: fileSeconds, maxOutputBytes: Math.max(maxBytes, 4096) }
    const request = { key: `file-${randomUUID()}`, argv, ...(input && { input }), ...limits }
    const ended = await run(handle, request, false, signal).catch(notThePath)
    if (ended.exitCode === 0) return ended.stdout
    throw fileFailure({ ...ended, stderr: Buffer.from(ended.stderr).toString() })
  }

  return {
    name: 'e2b',
    host: undefined,
    async create(spec, labels, signal) {
      const sandbox = await ask('create a sandbox', signal, () =>
        Service.create(spec.template, {
          timeoutMs: spec.ttlSeconds * 1000,
          lifecycle: { onTimeout: 'kill' },
          allowInternetAccess: spec.network,
          network: { allowPublicTraffic: false },
          metadata: { ...labelsMetadata(labels), ...limitsMetadata(spec) },
          signal,
        }),
      ).catch(undefinedIfGone)
      if (sandbox === undefined) throw new SandboxError('refused', `the template ${spec.template} does not exist`)
      known.set(sandbox.sandboxId, { sandbox, limits: spec })
      return { handle: sandbox.sandboxId }
    },
    async find(labels, signal) {
      const found: Found[] = []
      const pages = Service.list({ query: { metadata: labelsMetadata(labels) }, limit: pageSize })
      while (pages.hasNext) {
        const before = pages.nextToken
        const items = await ask('list sandboxes', signal, () => pages.nextItems({ signal }))
        for (const { sandboxId: handle, metadata } of items) {
          const own = labelsOf(metadata, labels)
          if (own !== undefined) found.push({ handle, labels: own })
        }
        if (pages.hasNext && pages.nextToken === before) {
          throw new SandboxError('unavailable', 'E2B’s list of sandboxes repeats a page')
        }
      }
      return found
    },
    async exec(handle, request, signal) {
      checkKey(request.key)
      const ended = await repeatedly(signal, () => run(handle, request, true, signal))
      const { stdout, stderr, truncated } = ended
      return { ...ended, stdout: decoded(stdout, truncated), stderr: decoded(stderr, truncated) }
    },
    read: (handle, path, maxBytes, signal) =>
      repeatedly(signal, () => file(handle, { path, script: readScript, maxBytes }, signal)),
    async write(handle, path, content, signal) {
      await file(handle, { path, script: writeScript, input: content, maxBytes: 0 }, signal)
    },
    alive: async (handle, signal) => (await describe(handle, signal)) !== undefined,
    async extend(handle, ttlSeconds, signal) {
      await ask(`extend the sandbox ${handle}`, signal, () => Service.setTimeout(handle, ttlSeconds * 1000, { signal }))
    },
    async close(handle, signal) {
      known.delete(handle)
      await ask(`close the sandbox ${handle}`, signal, () => Service.kill(handle, { signal })).catch(undefinedIfGone)
    },
    async problem() {
      const signal = AbortSignal.timeout(15_000)
      try {
        await ask('list sandboxes', signal, () => Service.list({ limit: 1 }).nextItems({ signal }))
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

function notThePath(error: unknown): never {
  if (!(error instanceof SandboxError) || error.code !== 'refused') throw error
  throw new SandboxError('unavailable', error.message, { cause: error })
}

function undefinedIfGone(error: unknown): undefined {
  if (!(error instanceof SandboxError) || error.code !== 'gone') throw error
}

function gone(handle: string): SandboxError {
  return new SandboxError('gone', `the sandbox ${handle} does not exist`)
}
