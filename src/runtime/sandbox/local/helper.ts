import { createHash } from 'node:crypto'
import { closeSync, readdirSync } from 'node:fs'
import { chmod, chown, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { createSlots } from '../../concurrency.ts'
import { SandboxError } from '../provider.ts'
import { type CgroupFolders, createCgroups, prepareCgroups } from './cgroups.ts'
import { type Machine, prepareMachine } from './machine.ts'
import { helperSettingsSchema, requestSchema } from './messages.ts'
import { createOperations } from './operations.ts'
import { createStore, readIfExists } from './store.ts'

// The helper process of the local provider: it starts commands for the server, whose own memory makes starting a process
// slow, and it outlives the server until running commands have ended and are recorded.

/** How often sandboxes are removed whose time to live has passed, in milliseconds. */
const sweepMs = 30_000

const settings = helperSettingsSchema.parse(JSON.parse(process.argv[2] ?? ''))
const folders = findCgroups()
const machine = await prepare().catch((error: unknown) => leave(error))
// Several installations may run as the same user.
const prefix = createHash('sha256').update(settings.root).digest('hex').slice(0, 12)
const cgroups = machine.cgroups && createCgroups(machine.cgroups, prefix)
const store = createStore(join(machine.data, 'boxes'))
const perform = createOperations(store, machine, cgroups, createSlots(settings.concurrentCommands))
const running = new Map<number, AbortController>()
const server = process.ppid

process.on('message', (message) => {
  const request = requestSchema.parse(message)
  if ('cancel' in request) return void running.get(request.cancel)?.abort(new Error('cancelled'))
  const controller = new AbortController()
  running.set(request.id, controller)
  const isLate = request.operation.op === 'create' && process.ppid !== server
  // Another server has looked for it by now, and may have closed the one that it made instead.
  const performed = isLate
    ? Promise.reject(new Error('its server has ended'))
    : perform(request.operation, controller.signal)
  performed
    .then(
      (value) => send({ id: request.id, value }),
      (error: unknown) => send({ id: request.id, ...describe(error) }),
    )
    .finally(() => {
      running.delete(request.id)
      leaveIfAlone()
    })
})
process.once('disconnect', leaveIfAlone)
// A stop of the server's process group must not cut off the commands that the server waits for.
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => undefined)

setInterval(sweep, sweepMs).unref()
await sweep()
send({ ready: true, ...(typeof folders === 'string' && { noCgroups: folders }) })

/** Finds the control groups, or resolves with the reason why none can be used. */
function findCgroups(): CgroupFolders | string {
  try {
    return prepareCgroups(settings.uid, settings.user)
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

/** Closes what the server has inherited and passes on without knowing it: commands must not read its open files. */
function closeInherited(): void {
  const closedOnExec = 0o2000000
  for (const name of readdirSync('/proc/self/fdinfo')) {
    const info = readIfExists(`/proc/self/fdinfo/${name}`)
    const flags = /^flags:\s*([0-7]+)$/m.exec(info ?? '')?.[1]
    if (Number(name) > 2 && flags !== undefined && (Number.parseInt(flags, 8) & closedOnExec) === 0)
      closeSync(Number(name))
  }
}

async function prepare(): Promise<Machine> {
  closeInherited()
  const mountPoint = join(settings.root, 'mounted')
  for (const folder of [mountPoint, join(settings.root, 'boxes')]) await mkdir(folder, { recursive: true })
  await chmod(join(settings.root, 'boxes'), 0o700)
  const available = typeof folders === 'string' ? undefined : folders
  const shown = { data: settings.root, readable: settings.folders, cgroups: available }
  const prepared = await prepareMachine(shown, mountPoint)
  if (settings.user !== undefined) {
    const { uid, gid } = settings.user
    await chown(join(prepared.data, 'boxes'), uid, gid)
    process.setgroups?.([])
    process.setgid?.(gid)
    process.setuid?.(uid)
  }
  return prepared
}

/** Tells the server why sandboxes cannot be used, and ends. */
function leave(error: unknown): Promise<never> {
  const problem = error instanceof Error ? error.message : String(error)
  return new Promise(() => process.send?.({ problem }, undefined, undefined, () => process.exit(1)))
}

async function sweep(): Promise<void> {
  const signal = AbortSignal.timeout(sweepMs)
  try {
    await store.removeDrafts()
    for (const handle of await store.expired()) await perform({ op: 'close', handle }, signal)
    for (const handle of cgroups?.list() ?? []) if (store.read(handle) === undefined) cgroups?.remove(handle)
  } catch {
    // The next sweep tries again.
  }
}

function leaveIfAlone(): void {
  if (!process.connected && running.size === 0) process.exit(0)
}

function send(message: unknown): void {
  if (process.connected) process.send?.(message, undefined, undefined, () => undefined)
}

function describe(error: unknown) {
  if (error instanceof SandboxError) return { code: error.code, message: error.message }
  return { code: 'unavailable', message: error instanceof Error ? error.message : String(error) }
}
