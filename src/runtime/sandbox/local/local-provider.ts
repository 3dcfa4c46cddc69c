import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { chmod, mkdir, mkdtemp, rm, stat } from 'node:fs/promises'
import { availableParallelism, hostname, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { z } from 'zod'
import { resultSchema } from '../commands.ts'
import { checkKey, type Found, SandboxError, type SandboxProvider, type SandboxSpec } from '../provider.ts'
import { createHelperClient } from './helper-client.ts'
import { labelsSchema } from './messages.ts'
import { explained, unreachable, unsuitable } from './suitability.ts'
import { createTemplates } from './templates.ts'

/** Settings of {@link createLocalProvider}. */
export interface LocalSettings {
  /** The folder of the sandboxes' files, on a file system that can hold an overlay: not itself an overlay. */
  readonly folder: string
  /** The name of this host, by default that of the machine; replicas with the same name share the folder. */
  readonly host?: string
  /** Further folders that commands can read, at the same path, such as `/opt/toolchain`. */
  readonly readable?: readonly string[]
  /** How many commands run at once, by default 8 for each processor; others wait, and their timeouts do not start. */
  readonly concurrentCommands?: number
  /** The user that commands run as where the server is root; by default one that owns nothing else. */
  readonly user?: { readonly uid: number; readonly gid: number }
}

/** Not the user of Python graders, whose code must not read the sandboxes. */
const unprivileged = { uid: 65_531, gid: 65_531 } as const
const run = promisify(execFile)

/**
 * Makes the provider of sandboxes on this machine: bubblewrap with an overlay over a read-only copy of the template.
 *
 * A sandbox is a folder. Nothing runs between commands: each command gets namespaces of its own, and all of its processes end
 * with it. It sees the template as `/workspace` (its working directory), `/tmp` and `/home/agent`, which last as long as the
 * sandbox, and the machine's programs in `/usr`; no network, no other process, no variable of the server. The journal of the
 * commands is out of its reach. Commands of one sandbox run one after the other. A server that is restarted finds its
 * sandboxes again, with the results of commands that ended in between.
 *
 * Memory is limited for the whole sandbox where the server may make control groups, else for each process. Files are limited while
 * a command runs (measured every two seconds) and after it: a sandbox over its limit can delete and not write.
 */
export function createLocalProvider(settings: LocalSettings): SandboxProvider {
  const root = resolve(settings.folder)
  const owner = process.getuid?.() === 0 ? (settings.user ?? unprivileged) : undefined
  const readable = settings.readable ?? []
  const concurrentCommands = settings.concurrentCommands ?? 8 * availableParallelism()
  const templates = createTemplates(join(root, 'templates'), owner)
  const helper = createHelperClient({
    ...{ root, user: owner, concurrentCommands },
    uid: owner?.uid ?? process.getuid?.() ?? 0,
    folders: [...readable],
  })
  let prepared: Promise<void> | undefined

  async function prepare(): Promise<void> {
    await mkdir(root, { recursive: true })
    if (owner === undefined) return
    const reason = unreachable(root, owner)
    if (reason !== undefined) throw new SandboxError('unavailable', reason)
    // The sandboxes of an earlier user, as before an update, would not be writable.
    if ((await stat(root)).uid !== owner.uid) await run('chown', ['-R', '-h', `${owner.uid}:${owner.gid}`, '--', root])
    await chmod(root, 0o755)
  }

  async function ask(...[operation, signal]: Parameters<typeof helper.request>): Promise<unknown> {
    prepared ??= prepare()
    try {
      await prepared
    } catch (cause) {
      prepared = undefined
      if (cause instanceof SandboxError) throw cause
      throw new SandboxError('unavailable', `the folder ${root} cannot be created`, { cause })
    }
    return helper.request(operation, signal)
  }

  async function create(spec: SandboxSpec, labels: z.infer<typeof labelsSchema>, signal: AbortSignal) {
    if (spec.network) {
      throw new SandboxError('refused', 'local sandboxes have no network: it would be the server’s own')
    }
    signal.throwIfAborted()
    await mkdir(root, { recursive: true })
    const template = `../../templates/${await templates.copyOf(resolve(spec.template))}`
    return created.parse(await ask({ op: 'create', spec: { ...spec, template }, labels }, signal))
  }

  return {
    name: 'local',
    host: settings.host ?? hostname(),
    createsOnce: true,
    create,
    find: async (labels, signal) => found.parse(await ask({ op: 'find', labels }, signal)),
    exec: async (handle, request, signal) => {
      checkKey(request.key)
      return resultSchema.parse(await ask({ op: 'exec', handle, request }, signal))
    },
    read: async (handle, path, maxBytes, signal) =>
      content.parse(await ask({ op: 'read', handle, path, maxBytes }, signal)),
    write: async (handle, path, bytes, signal) => {
      await ask({ op: 'write', handle, path, content: bytes }, signal)
    },
    alive: async (handle, signal) => z.boolean().parse(await ask({ op: 'alive', handle }, signal)),
    extend: async (handle, ttlSeconds, signal) => {
      await ask({ op: 'extend', handle, ttlSeconds }, signal)
    },
    close: async (handle, signal) => {
      await ask({ op: 'close', handle }, signal)
    },
    note: async () => {
      const reason = await helper.noCgroups()
      return reason === undefined
        ? 'memory and processes are limited for each sandbox as a whole'
        : `memory is limited for each process of a sandbox, not for their sum: control groups cannot be made here (${reason})`
    },
    problem: async () => unsuitable(root, owner) ?? (await failedTrial()),
    end: () => helper.end(),
  }

  /** Runs a command in a sandbox, and says why that failed. */
  async function failedTrial(): Promise<string | undefined> {
    const signal = AbortSignal.timeout(30_000)
    const template = await mkdtemp(join(tmpdir(), 'scorekeeper-sandbox-trial-'))
    const limits = { network: false, memoryMb: 256, pids: 16, diskMb: 16, ttlSeconds: 60 }
    // Several servers may start at the same time.
    const labels = { installation: 'trial', rollout: randomUUID(), name: 'trial', generation: '0' }
    try {
      const { handle } = await create({ template, ...limits }, labels, signal)
      try {
        const request = { key: 'trial', argv: ['touch', 'trial'], timeoutSeconds: 20, maxOutputBytes: 1000 }
        const { exitCode, stderr } = resultSchema.parse(await ask({ op: 'exec', handle, request }, signal))
        return exitCode === 0 ? undefined : explained(stderr)
      } finally {
        await ask({ op: 'close', handle }, signal)
      }
    } catch (error) {
      return explained(error instanceof Error ? error.message : String(error))
    } finally {
      await rm(template, { recursive: true, force: true })
    }
  }
}

const created = z.object({ handle: z.string() })
const found: z.ZodType<readonly Found[]> = z.array(z.object({ handle: z.string(), labels: labelsSchema }))
const content = z.instanceof(Uint8Array)
