import { setTimeout as sleep } from 'node:timers/promises'
import type Docker from 'dockerode'
import { resultSchema } from '../commands.ts'
import { type ExecResult, SandboxError } from '../provider.ts'
import { answered, statusOf } from './errors.ts'
import { type Prepared, runExec } from './exec.ts'

/** A folder that belongs to root: the agent cannot enter it. */
const journal = '/.scorekeeper/own/journal'
/** How often another caller's command is looked after, in milliseconds. */
const pollMs = 200
/** How many looks may find a command ended and its result missing, before it counts as lost. */
const looks = 10

/**
 * Runs a command once for its key. `KEY/exec` names the command for Docker before it starts, so that every process can see
 * whether it still runs; `KEY/result` is its result.
 *
 * @throws SandboxError `exec_ambiguous` if the command began earlier and its end was lost.
 */
export async function once(
  container: Docker.Container,
  docker: Docker,
  key: string,
  prepared: Prepared,
  run: () => Promise<ExecResult>,
  signal: AbortSignal,
): Promise<ExecResult> {
  const begin = 'mkdir -m 700 -p "$1" && mkdir "$1/$2" 2>/dev/null && printf %s "$3" > "$1/$2/exec"'
  if ((await asRoot(container, begin, [journal, key, prepared.id], undefined, signal)) === undefined) {
    return recorded(container, docker, key, signal)
  }
  const result = await run()
  const end = 'cat > "$1/$2/draft" && mv "$1/$2/draft" "$1/$2/result"'
  if ((await asRoot(container, end, [journal, key], JSON.stringify(result), signal)) === undefined) {
    throw new SandboxError('exec_ambiguous', `the result of the command ${key} could not be recorded`)
  }
  return result
}

/** Waits for the result of a command that has begun. */
async function recorded(
  container: Docker.Container,
  docker: Docker,
  key: string,
  signal: AbortSignal,
): Promise<ExecResult> {
  for (let look = 0; look < looks; ) {
    const text = await asRoot(container, 'cat "$1/$2/result" 2>/dev/null', [journal, key], undefined, signal)
    if (text !== undefined) return resultSchema.parse(JSON.parse(text))
    const id = await asRoot(container, 'cat "$1/$2/exec"', [journal, key], undefined, signal)
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

/** Runs a script as root and returns its output; undefined if it failed. */
async function asRoot(
  container: Docker.Container,
  script: string,
  args: readonly string[],
  input: string | undefined,
  signal: AbortSignal,
): Promise<string | undefined> {
  const argv = ['sh', '-c', script, 'sh', ...args]
  const ran = await runExec(
    container,
    { argv, user: 'root', input, timeoutSeconds: 30, maxOutputBytes: 64 * 1024 ** 2 },
    signal,
  )
  return ran.exitCode === 0 ? Buffer.from(ran.stdout).toString() : undefined
}
