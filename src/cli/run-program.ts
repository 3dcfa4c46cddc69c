import type { Command } from 'commander'

/** What an exit code says, beside 0 for well done and 130 for Ctrl-C. */
export const exitCodes = {
  /** What was checked is not good, or the work could not be done. */
  failed: 1,
  /** The command was written wrongly, or names a file that is not there. */
  usage: 2,
  interrupted: 130,
} as const

/** Runs a program; whatever is wrong with how it was called ends it with `usage`. */
export async function runProgram(program: Command, usage: number = exitCodes.usage): Promise<void> {
  for (const command of allOf(program)) {
    command.exitOverride((problem) => process.exit(problem.exitCode === 0 ? 0 : usage))
  }
  await program.parseAsync()
}

const allOf = (command: Command): readonly Command[] => [command, ...command.commands.flatMap(allOf)]

/**
 * Runs what may take long, and gives the exit code: that of `work`; 130 when Ctrl-C or SIGTERM aborted its signal; 1 after
 * an error, which is told on stderr in one line.
 */
export async function interruptible(name: string, work: (signal: AbortSignal) => Promise<number>): Promise<number> {
  const stop = new AbortController()
  const abort = () => stop.abort(new Error('stopped'))
  const signals = ['SIGINT', 'SIGTERM'] as const
  for (const signal of signals) process.once(signal, abort)
  try {
    return await work(stop.signal)
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    // What an abort throws is a matter of who was waiting.
    process.stderr.write(`${name}: ${stop.signal.aborted ? 'stopped' : why}\n`)
    return stop.signal.aborted ? exitCodes.interrupted : exitCodes.failed
  } finally {
    for (const signal of signals) process.removeListener(signal, abort)
  }
}
