import { spawn } from 'node:child_process'
import { basename } from 'node:path'
import { Readable } from 'node:stream'
import { noFolder, noFolderExit, signalOf } from '../commands.ts'
import { type ExecRequest, type ExecResult, SandboxError } from '../provider.ts'
import type { Cgroups } from './cgroups.ts'
import { commandLine } from './command-line.ts'
import { measureDisk } from './disk-use.ts'
import type { Machine } from './machine.ts'
import type { StoredSandbox } from './store.ts'

/** How a command ended, and what the sandbox holds on disk after it. */
export interface Ended extends Omit<ExecResult, 'stdout' | 'stderr'> {
  readonly stdout: Uint8Array
  readonly stderr: Uint8Array
  readonly diskKb: number
}

/** A command without its key. */
export type Command = Omit<ExecRequest, 'key'>

const maxReport = 4096
/** How often a running command's disk is measured, in milliseconds. */
const measureMs = 2_000

/**
 * Runs a command in a sandbox whose lock the caller holds. When it settles, no process of the command is left.
 *
 * @throws SandboxError `unavailable` if the sandbox could not be set up; the signal's reason if that aborts.
 */
export async function runCommand(
  machine: Machine,
  cgroups: Cgroups | undefined,
  sandbox: Pick<StoredSandbox, 'spec' | 'folder'>,
  command: Command,
  mayWrite: boolean,
  signal: AbortSignal,
): Promise<Ended> {
  signal.throwIfAborted()
  const handle = basename(sandbox.folder)
  const groups = cgroups?.open(handle, sandbox.spec) ?? []
  const killedBefore = cgroups?.killed(handle) ?? 0
  const [program, ...args] = commandLine(machine, sandbox, command, mayWrite, groups)
  const child = spawn(program, args, {
    cwd: sandbox.folder,
    // The sandbox's first process shows its environment to the others.
    env: { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' },
    detached: true,
    stdio: [command.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe', 'pipe'],
  })
  const { stdout: out, stderr: err, stdin } = child
  const report = child.stdio[3]
  if (!(report instanceof Readable) || out === null || err === null) throw notStarted('no pipes')
  const stdout = keep(command.maxOutputBytes)
  const stderr = keep(command.maxOutputBytes)
  const told = keep(maxReport)
  out.on('data', stdout.add)
  err.on('data', stderr.add)
  report.on('data', told.add)
  // A process that is killed breaks its pipes.
  for (const pipe of [stdin, out, err, report]) pipe?.on('error', () => undefined)
  stdin?.end(command.input)

  let stopped: 'time' | 'disk' | undefined
  const stop = (why?: 'time' | 'disk') => {
    stopped ??= why
    child.kill('SIGKILL')
  }
  const abort = () => stop()
  signal.addEventListener('abort', abort, { once: true })
  const timer = setTimeout(() => stop('time'), command.timeoutSeconds * 1000)
  const watch = setInterval(() => {
    measureDisk(sandbox.folder).then((kilobytes) => {
      if (kilobytes > sandbox.spec.diskMb * 1024) stop('disk')
    })
  }, measureMs)

  const failure = await new Promise<Error | undefined>((resolve) => {
    child.once('error', resolve)
    child.once('close', () => resolve(undefined))
  })
  clearTimeout(timer)
  clearInterval(watch)
  signal.removeEventListener('abort', abort)
  signal.throwIfAborted()
  if (failure !== undefined) throw notStarted(failure.message)

  const lines = told.text()
  const diskKb = await measureDisk(sandbox.folder)
  const truncated = stdout.cut() || stderr.cut()
  const killed = (cgroups?.killed(handle) ?? 0) > killedBefore
  const stderrText = killed
    ? Buffer.concat([
        stderr.bytes(),
        Buffer.from(`\nkilled: the sandbox may use ${sandbox.spec.memoryMb} MB of memory\n`),
      ])
    : stderr.bytes()
  const output = { stdout: stdout.bytes(), stderr: stderrText, truncated, diskKb }
  if (stopped === 'time') {
    return { ...output, exitCode: null, signal: 'SIGKILL', timedOut: true }
  }
  if (stopped === 'disk') {
    const note = `\nstopped: the sandbox may hold ${sandbox.spec.diskMb} MB of files\n`
    const explained = Buffer.concat([output.stderr, Buffer.from(note)])
    return { ...output, stderr: explained, exitCode: null, signal: 'SIGKILL', timedOut: false }
  }
  const exit = /"exit-code": (\d+)/.exec(lines)?.[1]
  if (exit !== undefined) return { ...output, exitCode: Number(exit), signal: signalOf(Number(exit)), timedOut: false }
  // The kernel may have killed bubblewrap itself.
  if (killed) return { ...output, exitCode: 137, signal: 'SIGKILL', timedOut: false }
  const reason = stderr.text().trim()
  if (command.cwd !== undefined && reason.startsWith("bwrap: Can't chdir to ")) {
    return {
      ...output,
      stderr: Buffer.from(noFolder(command.cwd)),
      exitCode: noFolderExit,
      signal: null,
      timedOut: false,
    }
  }
  const absent = /^bwrap: execvp (.*): (No such file or directory|Permission denied)$/s.exec(reason)
  if (absent === null) throw notStarted(reason || `exit code ${child.exitCode}, signal ${child.signalCode}`)
  // As a shell reports it.
  const exitCode = absent[2] === 'Permission denied' ? 126 : 127
  return { ...output, stderr: Buffer.from(`${absent[1]}: ${absent[2]}\n`), exitCode, signal: null, timedOut: false }
}

function notStarted(reason: string): SandboxError {
  return new SandboxError('unavailable', `the command did not start: ${reason.slice(0, 500)}`)
}

/** Keeps the first `maxBytes` of what is added. */
function keep(maxBytes: number) {
  const chunks: Buffer[] = []
  let room = maxBytes
  return {
    add(chunk: Buffer): void {
      if (room > 0) chunks.push(chunk.subarray(0, room))
      room -= chunk.length
    },
    cut: () => room < 0,
    bytes: () => Buffer.concat(chunks),
    text: () => Buffer.concat(chunks).toString(),
  }
}
