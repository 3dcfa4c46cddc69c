import { setMaxListeners } from 'node:events'
import type { CommandUnknownOpts } from '@commander-js/extra-typings'

/** Exit codes other than 0. */
export const exitCodes = {
  /** A check failed, or the work could not be done. */
  failed: 1,
  /** Wrong usage, or a file that does not exist. */
  usage: 2,
  /** Stopped with Ctrl-C. */
  interrupted: 130,
} as const

/** Runs a program; wrong usage ends it with the exit code `usage`. */
export async function runProgram(program: CommandUnknownOpts, usage: number = exitCodes.usage): Promise<void> {
  for (const command of allOf(program)) {
    command.exitOverride((problem) => process.exit(problem.exitCode === 0 ? 0 : usage))
  }
  await program.parseAsync()
}

const allOf = (command: CommandUnknownOpts): readonly CommandUnknownOpts[] => [
  command,
  ...command.commands.flatMap(allOf),
]

/**
 * Runs work that may take long and returns the exit code: that of `work`; 130 when a signal stopped it; 1 after an error,
 * which is reported on stderr in one line.
 *
 * The first SIGINT, SIGTERM or SIGHUP aborts `ending`: no new work starts. `stopping` aborts two seconds later, or at a second
 * signal: running work is abandoned.
 *
 * @param resume added to the line on stderr when a signal stopped it: "; the same command resumes"
 */
export async function interruptible(
  name: string,
  work: (ending: AbortSignal, stopping: AbortSignal) => Promise<number>,
  resume = '',
): Promise<number> {
  const { ending, stopping, release } = listenToSignals()
  try {
    return await work(ending, stopping)
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    // The error of an aborted task depends on what it was waiting for.
    process.stderr.write(`${name}: ${ending.aborted ? `stopped${resume}` : why}\n`)
    return ending.aborted ? exitCodes.interrupted : exitCodes.failed
  } finally {
    release()
  }
}

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
const graceMs = 2_000
/** A terminal's Ctrl-C arrives twice, once through npm. */
const sameMs = 500

function listenToSignals() {
  const ending = new AbortController()
  const stopping = new AbortController()
  // Each running task listens to them.
  setMaxListeners(0, ending.signal, stopping.signal)
  let since: number | undefined
  let timer: NodeJS.Timeout | undefined
  const stop = () => stopping.abort(new Error('stopped'))
  const onSignal = () => {
    if (since === undefined) {
      since = performance.now()
      ending.abort(new Error('stopped'))
      timer = setTimeout(stop, graceMs)
    } else if (performance.now() - since > sameMs) stop()
  }
  for (const signal of signals) process.on(signal, onSignal)
  return {
    ending: ending.signal,
    stopping: stopping.signal,
    release() {
      clearTimeout(timer)
      for (const signal of signals) process.off(signal, onSignal)
    },
  }
}
