import { createHash, randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { chmod, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { type Found, SandboxError, type SandboxLabels, type SandboxSpec } from '../provider.ts'
import { labelsSchema, specSchema } from './messages.ts'

const stored = z.object({
  labels: labelsSchema,
  spec: specSchema,
  /** The name of its lock: unknown to the commands that run in the sandbox. */
  lock: z.string(),
  /** In milliseconds since 1970. */
  expiresAt: z.number(),
})

/** A sandbox on disk. */
export interface StoredSandbox extends z.infer<typeof stored> {
  readonly folder: string
}

/** The folders whose content counts as the sandbox's disk. */
export const writableFolders = ['upper', 'tmp', 'home'] as const
/** Everything in a sandbox's folder but the file that makes it one, which is removed last. */
const parts = [...writableFolders, 'work', 'journal'] as const
const description = 'sandbox.json'
const handlePattern = /^[0-9a-f]{32}$/

/**
 * The sandboxes of one folder: each is a folder of its own, with a description, what its commands wrote, and the journal of
 * its commands. A sandbox exists while its description does.
 *
 * Small files are read and written synchronously: it takes microseconds, and a thread of the pool as long again.
 */
export function createStore(root: string) {
  const folderOf = (handle: string) => join(root, handle)

  function read(handle: string): StoredSandbox | undefined {
    if (!handlePattern.test(handle)) return undefined
    const folder = folderOf(handle)
    const text = readIfExists(join(folder, description))
    return text === undefined ? undefined : { ...stored.parse(JSON.parse(text)), folder }
  }

  async function all(): Promise<readonly (StoredSandbox & { readonly handle: string })[]> {
    return (await readdir(root)).flatMap((handle) => {
      const sandbox = read(handle)
      return sandbox === undefined ? [] : [{ ...sandbox, handle }]
    })
  }

  return {
    /** Makes a sandbox, or finds the one with these labels: an interrupted creation may succeed late. */
    create(spec: SandboxSpec, labels: SandboxLabels): string {
      const handle = handleFor(labels)
      // The folder gets its name when it is complete.
      const draft = join(root, `.new-${randomBytes(16).toString('hex')}`)
      mkdirSync(draft, { mode: 0o700 })
      for (const part of parts) mkdirSync(join(draft, part), { mode: 0o755 })
      const lock = `scorekeeper-sandbox-${randomBytes(16).toString('hex')}`
      const sandbox = { labels, spec, lock, expiresAt: Date.now() + spec.ttlSeconds * 1000 }
      writeFileSync(join(draft, description), JSON.stringify(sandbox))
      try {
        renameSync(draft, folderOf(handle))
      } catch (error) {
        rmSync(draft, { recursive: true, force: true })
        if (read(handle) === undefined) throw error
      }
      return handle
    },

    /** @throws SandboxError `gone` if the sandbox does not exist. */
    open(handle: string): StoredSandbox {
      const sandbox = read(handle)
      if (sandbox === undefined) throw new SandboxError('gone', `sandbox ${handle} does not exist`)
      return sandbox
    },

    read,

    extend({ folder, ...sandbox }: StoredSandbox, ttlSeconds: number): void {
      const expiresAt = Date.now() + ttlSeconds * 1000
      replaceFile(join(folder, description), JSON.stringify({ ...sandbox, expiresAt }))
    },

    async find(labels: Partial<SandboxLabels>): Promise<readonly Found[]> {
      const found = (await all()).filter((sandbox) => carries(sandbox.labels, labels))
      return found.map(({ handle, labels }) => ({ handle, labels }))
    },

    /** The sandboxes whose time to live has passed. */
    async expired(): Promise<readonly string[]> {
      return (await all()).filter(({ expiresAt }) => expiresAt < Date.now()).map(({ handle }) => handle)
    },

    /** Removes the files of a sandbox, its description last, so that a removal that failed stays visible in `find`. */
    async remove({ folder }: StoredSandbox, removeAll: (folder: string) => Promise<void>): Promise<void> {
      // The kernel makes the inside of `work` unreadable.
      await chmod(join(folder, 'work/work'), 0o700).catch(() => undefined)
      const failed = await Promise.allSettled(
        parts.map((part) => rm(join(folder, part), { recursive: true, force: true })),
      )
      // A command may have left folders that their owner cannot read.
      if (failed.some(({ status }) => status === 'rejected')) await removeAll(folder)
      await rm(folder, { recursive: true, force: true })
    },

    /** Removes what an interrupted `create` left. */
    async removeDrafts(): Promise<void> {
      for (const name of (await readdir(root)).filter((it) => it.startsWith('.new-'))) {
        const age = Date.now() - (await stat(join(root, name))).mtimeMs
        if (age > 600_000) await rm(join(root, name), { recursive: true, force: true })
      }
    },
  }
}

/** See {@link createStore}. */
export type Store = ReturnType<typeof createStore>

function handleFor({ installation, rollout, name, generation }: SandboxLabels): string {
  const labels = JSON.stringify([installation, rollout, name, generation])
  return createHash('sha256').update(labels).digest('hex').slice(0, 32)
}

function carries(labels: SandboxLabels, wanted: Partial<SandboxLabels>): boolean {
  return (
    labels.installation === (wanted.installation ?? labels.installation) &&
    labels.rollout === (wanted.rollout ?? labels.rollout) &&
    labels.name === (wanted.name ?? labels.name) &&
    labels.generation === (wanted.generation ?? labels.generation)
  )
}

/** Writes a file that is complete or not there. */
export function replaceFile(path: string, content: string): void {
  const draft = `${path}.${randomBytes(4).toString('hex')}`
  writeFileSync(draft, content)
  renameSync(draft, path)
}

/** The text of a file; undefined if it does not exist. */
export function readIfExists(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    return missing(error)
  }
}

/** Turns the error of a file that does not exist into undefined. */
export function missing(error: unknown): undefined {
  if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR'))
    return undefined
  throw error
}
