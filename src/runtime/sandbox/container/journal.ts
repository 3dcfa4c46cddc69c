import { setTimeout as sleep } from 'node:timers/promises'
import type Docker from 'dockerode'
import { resultSchema } from '../commands.ts'
import { type ExecResult, SandboxError } from '../provider.ts'
import { answered, statusOf } from './errors.ts'
import { killAll, type Prepared, type Ran, runExec } from './exec.ts'

/** A folder that belongs to root: the agent cannot enter it. */
const journal = '/.scorekeeper/own/journal'
/** How often another caller's command is looked after, in milliseconds. */
const pollMs = 200
/** How many looks may find a command ended and its result missing, before it counts as lost. */
const looks = 10

/** The exit code of the script that begins a command, if another caller has begun it. */
const hasBegun = 17
/** How often a record is tried in a sandbox that has no room for it: as many processes, or as much memory, as it may. */
const tries = 3

/**
 * Runs a command once for its key. `KEY/exec` names the command for Docker before it starts, so that every process can see
 * whether it still runs; `KEY/result` is its result.
 *
 * @throws SandboxError `exec_ambiguous` if the command began earlier and its end was lost, `unavailable` if it did not begin.
 */
export async function once(
  container: Docker.Container,
  docker: Docker,
  key: string,
  prepared: Prepared,
  run: () => Promise<ExecResult>,
  signal: AbortSignal,
): Promise<ExecResult> {
  // An earlier try of this caller has the same id.
  const begin = `read -r id < "$1/$2/exec"; [ "$id" = "$3" ] && exit 0; [ -e "$1/$2" ] && exit ${hasBegun}
    mkdir "$1/$2" && printf %s "$3" > "$1/$2/exec"`
  const begun = await withRoom(container, begin, [journal, key, prepared.id], undefined, signal)
  if (begun === hasBegun) return recorded(container, docker, key, signal)
  if (begun !== 0)
    throw new SandboxError('unavailable', `the command ${key} could not be recorded, so it did not begin`)
  const result = await run()
  const end = 'kill -USR2 1; cat > "$1/$2/draft" && mv "$1/$2/draft" "$1/$2/result"'
  if ((await withRoom(container, end, [journal, key], JSON.stringify(result), signal)) !== 0) {
    throw new SandboxError('exec_ambiguous', `the result of the command ${key} could not be recorded`)
  }
  return result
}

/** Runs a script as root and returns its exit code. Where it fails, the sandbox's processes are killed before the next try. */
async function withRoom(
  container: Docker.Container,
  script: string,
  args: readonly string[],
  input: string | undefined,
  signal: AbortSignal,
): Promise<number | null> {
  for (let attempt = 1; ; attempt += 1) {
    const { exitCode } = await asRoot(container, script, args, input, signal).catch((error: unknown) => {
      if (error instanceof SandboxError && error.code === 'unavailable') return { exitCode: null }
      throw error
    })
    if (exitCode === 0 || exitCode === hasBegun || attempt === tries) return exitCode
    await answered(signal, killAll(container))
    await sleep(pollMs, undefined, { signal })
  }
}

/** Waits for the result of a command that has begun. */
async function recorded(
  container: Docker.Container,
  docker: Docker,
  key: string,
  signal: AbortSignal,
): Promise<ExecResult> {
  for (let look = 0; look < looks; ) {
    const text = await fileOf(container, key, 'result', signal)
    if (text !== undefined) return resultSchema.parse(JSON.parse(text))
    const id = await fileOf(container, key, 'exec', signal)
    if (id === undefined || !(await isRunning(docker, id, signal))) look += 1
    await sleep(pollMs, undefined, { signal })
  }
  throw new SandboxError('exec_ambiguous', `the command ${key} began, and its end was not recorded`)
}

async function isRunning(docker: Docker, id: string, signal: AbortSignal): Promise<boolean> {
  const found = docker.getExec(id).inspect()
  const state = await answered(
    signal,
    found.catch((error: unknown) => {
      if (statusOf(error) === 404) return undefined
      throw error
    }),
  )
  return state?.Running === true
}

/** Runs a script as root. */
function asRoot(
  container: Docker.Container,
  script: string,
  args: readonly string[],
  input: string | undefined,
  signal: AbortSignal,
): Promise<Ran> {
  const argv = ['sh', '-c', script, 'sh', ...args]
  return runExec(container, { argv, user: 'root', input, timeoutSeconds: 30, maxOutputBytes: 64 * 1024 ** 2 }, signal)
}

/** The file `name` of a key; undefined if there is none. */
async function fileOf(
  container: Docker.Container,
  key: string,
  name: 'exec' | 'result',
  signal: AbortSignal,
): Promise<string | undefined> {
  const { exitCode, stdout } = await asRoot(container, 'cat "$1"', [`${journal}/${key}/${name}`], undefined, signal)
  return exitCode === 0 ? Buffer.from(stdout).toString() : undefined
}
