import { UngradableError } from '../errors.ts'
import type { CommandOptions, CommandResult, Sandbox } from '../sandboxes.ts'

/** Options of {@link runFairly}. */
export interface FairOptions extends CommandOptions {
  /** How much processor time each process of the command may use, in whole seconds: more than any right answer needs. */
  readonly cpuSeconds: number
  /** How long it may take, in seconds; default: eight times `cpuSeconds`, so that it ends in time on a busy machine too. */
  readonly timeoutSeconds?: number
}

/** A machine on which a process takes more than this many times its processor time is too busy to blame the command. */
const mostSlowdown = 2
const controlSeconds = 60
/** How many times the shell counts, to be measured for some hundredths of a second before a command, and longer after it. */
const counts = { before: 100_000, after: 300_000 } as const

/**
 * Uses processor time by counting to `$1`, and prints how long that took, and the time used. It reads no file of the agent's where the
 * agent cannot replace `/bin/sh`.
 */
const control = `
read began rest < /proc/uptime
i=0; while [ $i -lt "$1" ]; do i=$((i+1)); done
read ended rest < /proc/uptime
echo "$began $ended"; times`

/**
 * Runs a command that decides about a score, so that one which does not end is told from a machine that is too busy. A command that
 * uses `cpuSeconds` of processor time is killed (`exitCode` 137): its fault. One that reaches the timeout without that has waited for
 * something, which is its fault too (`timedOut`), or has got no processor: to tell, the machine is measured with a command
 * of our own in the same sandbox, shortly before each command and again after a timeout. It needs `sh`.
 *
 * @throws UngradableError if the command reached its timeout while the machine was too busy before or after it: no score would be right.
 * @example const { exitCode } = await runFairly(sandboxes.shell, ['npm', 'test'], { cpuSeconds: 10, signal })
 */
export async function runFairly(
  sandbox: Sandbox,
  argv: readonly string[],
  options: FairOptions,
): Promise<CommandResult> {
  const { cpuSeconds, timeoutSeconds = cpuSeconds * 8, ...rest } = options
  const limited = ['sh', '-c', 'ulimit -t "$1" && shift && exec "$@"', 'sh', String(Math.ceil(cpuSeconds)), ...argv]
  const before = await slowdownOf(sandbox, counts.before, options)
  const done = await sandbox.exec(limited, { ...rest, timeoutSeconds })
  if (!done.timedOut) return done
  const after = await slowdownOf(sandbox, counts.after, options)
  const slowdown = before === undefined || after === undefined ? undefined : Math.max(before, after)
  if (slowdown !== undefined && slowdown <= mostSlowdown) return done
  const how =
    slowdown === undefined ? 'does not run commands' : `is ${slowdown.toFixed(1)} times slower than it should be`
  const message = `a command of the grader did not end within ${timeoutSeconds} s, and the machine of the sandbox ${how}`
  throw new UngradableError(503, 'sandbox_overloaded', message)
}

/** Measures the machine of a sandbox; undefined if the control fails there. */
async function slowdownOf(sandbox: Sandbox, count: number, { signal }: FairOptions): Promise<number | undefined> {
  const options = { cwd: '/', timeoutSeconds: controlSeconds, ...(signal !== undefined && { signal }) }
  const { exitCode, stdout } = await sandbox.exec(['sh', '-c', control, 'sh', String(count)], options)
  return exitCode === 0 ? slowdownIn(stdout) : undefined
}

/** How much longer the control took than its processor time; undefined if it did not print that. */
function slowdownIn(printed: string): number | undefined {
  const [, began, ended] = /^([\d.]+) ([\d.]+)$/m.exec(printed) ?? []
  const [, minutes, seconds, systemMinutes, systemSeconds] = /^(\d+)m([\d.]+)s (\d+)m([\d.]+)s$/m.exec(printed) ?? []
  const used = (Number(minutes) + Number(systemMinutes)) * 60 + Number(seconds) + Number(systemSeconds)
  const took = Number(ended) - Number(began)
  return used > 0 && took >= 0 ? took / used : undefined
}
