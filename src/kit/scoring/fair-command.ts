import { UngradableError } from '../errors.ts'
import type { CommandOptions, CommandResult, Sandbox } from '../sandboxes.ts'

/** Options of {@link runFairly}. */
export interface FairOptions extends CommandOptions {
  /** How much processor time each process of the command may use, in whole seconds: more than any right answer needs. */
  readonly cpuSeconds: number
  /** How long it may take, in seconds; default: eight times `cpuSeconds`, so that it ends in time on a busy machine too. */
  readonly timeoutSeconds?: number
}

/** A machine on which a process takes more than so many times its processor time is too busy to blame the command. */
const mostSlowdown = 2
const controlSeconds = 60

/** Uses some tenths of a second of processor time, and prints how long that took, and the time used. No file of the agent's is read. */
const control = `
read began rest < /proc/uptime
i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done
read ended rest < /proc/uptime
echo "$began $ended"; times`

/**
 * Runs a command that decides about a score, so that one which does not end is told from a machine that is too busy. A command that
 * uses `cpuSeconds` of processor time is killed (`exitCode` 137): its fault. One that reaches the timeout without that has waited for
 * something, which is its fault too (`timedOut`), or has got no processor: to tell, the machine is measured with a command
 * of our own in the same sandbox. It needs `sh`.
 *
 * @throws UngradableError if the command reached its timeout while the machine was too busy: no score would be right.
 * @example const { exitCode } = await runFairly(sandboxes.shell, ['npm', 'test'], { cpuSeconds: 10, signal })
 */
export async function runFairly(
  sandbox: Sandbox,
  argv: readonly string[],
  options: FairOptions,
): Promise<CommandResult> {
  const { cpuSeconds, timeoutSeconds = cpuSeconds * 8, ...rest } = options
  const limited = ['sh', '-c', 'ulimit -t "$1" && shift && exec "$@"', 'sh', String(Math.ceil(cpuSeconds)), ...argv]
  const done = await sandbox.exec(limited, { ...rest, timeoutSeconds })
  if (!done.timedOut) return done
  const signal = options.signal === undefined ? {} : { signal: options.signal }
  const measured = await sandbox.exec(['sh', '-c', control], { ...signal, cwd: '/', timeoutSeconds: controlSeconds })
  const slowdown = measured.exitCode === 0 ? slowdownIn(measured.stdout) : undefined
  if (slowdown !== undefined && slowdown <= mostSlowdown) return done
  const how =
    slowdown === undefined ? 'does not run commands' : `is ${slowdown.toFixed(1)} times slower than it should be`
  const message = `a command of the grader did not end within ${timeoutSeconds} s, and the machine of the sandbox ${how}`
  throw new UngradableError(503, 'sandbox_overloaded', message)
}

/** How much longer the control took than its processor time; undefined if it did not print that. */
function slowdownIn(printed: string): number | undefined {
  const [, began, ended] = /^([\d.]+) ([\d.]+)$/m.exec(printed) ?? []
  const [, minutes, seconds, systemMinutes, systemSeconds] = /^(\d+)m([\d.]+)s (\d+)m([\d.]+)s$/m.exec(printed) ?? []
  const used = (Number(minutes) + Number(systemMinutes)) * 60 + Number(seconds) + Number(systemSeconds)
  const took = Number(ended) - Number(began)
  return used > 0 && took >= 0 ? took / used : undefined
}
