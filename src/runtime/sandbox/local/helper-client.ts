import { type ChildProcess, fork } from 'node:child_process'
import { createRequire } from 'node:module'
import { extname } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { SandboxError } from '../provider.ts'
import { mayMount } from './machine.ts'
import { type HelperSettings, type Operation, replySchema, startSchema } from './messages.ts'

interface Waiting {
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
}

interface Helper {
  readonly process: ChildProcess
  /** Resolves with the reason why it has no control groups, if it has none. */
  readonly ready: Promise<string | undefined>
  readonly waiting: Map<number, Waiting>
}

/** Asks the helper process to do something, and starts it if there is none. */
export interface HelperClient {
  request(operation: Operation, signal: AbortSignal): Promise<unknown>
  /** Why sandboxes are not limited as a whole, if the helper may not make control groups. */
  noCgroups(): Promise<string | undefined>
  /** Lets the helper end when the commands that run have ended. */
  end(): Promise<void>
  /** The helper's process id; undefined if it does not run. */
  pid(): number | undefined
}

/** Makes the client of a helper process. It starts a new one when the old one has died. */
export function createHelperClient(settings: HelperSettings): HelperClient {
  let helper: Helper | undefined
  let lastId = 0

  const current = (): Helper => {
    helper ??= start(settings, () => {
      helper = undefined
    })
    return helper
  }

  return {
    async request(operation, signal) {
      signal.throwIfAborted()
      const { process, ready, waiting } = current()
      lastId += 1
      const id = lastId
      waiting.set(id, { resolve: ignore, reject: ignore })
      process.ref()
      process.channel?.ref()
      const cancel = () => {
        if (process.connected) process.send({ cancel: id }, () => undefined)
        waiting.get(id)?.reject(signal.reason)
      }
      signal.addEventListener('abort', cancel, { once: true })
      try {
        await ready
        return await new Promise((resolve, reject) => {
          waiting.set(id, { resolve, reject })
          if (process.connected) process.send({ id, operation }, (error) => error && reject(lost()))
          else reject(lost())
        })
      } catch (error) {
        throw signal.aborted ? signal.reason : error
      } finally {
        waiting.delete(id)
        // The process that asked may end while its helper has nothing to do.
        if (waiting.size === 0) {
          process.channel?.unref()
          process.unref()
        }
        signal.removeEventListener('abort', cancel)
      }
    },
    noCgroups: () => current().ready,
    async end() {
      if (helper?.process.connected) helper.process.disconnect()
      helper = undefined
    },
    pid: () => helper?.process.pid,
  }
}

function start(settings: HelperSettings, exited: () => void): Helper {
  const extension = extname(import.meta.url)
  const loader =
    extension === '.ts' ? ['--import', pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href] : []
  const { user, ...rest } = settings
  // Root in a container may not mount without a user namespace, in which it cannot become another user later.
  const asRoot = user !== undefined && mayMount()
  const namespaces = asRoot ? ['--mount'] : ['--user', '--map-root-user', '--mount']
  const helperSettings: HelperSettings = asRoot ? settings : rest
  const child = fork(
    fileURLToPath(new URL(`./helper${extension}`, import.meta.url)),
    [JSON.stringify(helperSettings)],
    {
      // It must know no secret of the server, and get none of its signals.
      env: { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' },
      ...(!asRoot && user),
      execPath: 'unshare',
      execArgv: [...namespaces, process.execPath, ...loader],
      detached: true,
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    },
  )
  const waiting = new Map<number, Waiting>()
  const ready = new Promise<string | undefined>((resolve, reject) => {
    child.once('message', (message) => {
      const first = startSchema.parse(message)
      if ('ready' in first) resolve(first.noCgroups)
      else reject(new SandboxError('unavailable', first.problem))
    })
    child.once('error', reject)
    child.once('exit', () => reject(lost()))
  })
  // Each request reports it.
  ready.catch(() => undefined)
  child.on('message', (message) => {
    const reply = replySchema.safeParse(message).data
    if (reply === undefined) return
    const one = waiting.get(reply.id)
    if ('code' in reply) one?.reject(new SandboxError(reply.code, reply.message))
    else one?.resolve(reply.value)
  })
  const fail = () => {
    exited()
    for (const one of waiting.values()) one.reject(lost())
  }
  child.once('error', fail)
  child.once('exit', fail)
  child.unref()
  return { process: child, ready, waiting }
}

function ignore(): void {}

function lost(): SandboxError {
  return new SandboxError('unavailable', 'the helper process of the local sandboxes has ended')
}
