import { SingleBar } from 'cli-progress'
import { readOptions, usage } from './options.ts'
import { describeReport, isSound, reportOf } from './report.ts'
import { runChaos } from './run.ts'
import { describeFault, kindsOf, scheduleOf } from './schedule.ts'

async function chaos(args: readonly string[], path: string, stopped: AbortSignal): Promise<number> {
  const options = readOptions(args)
  const { seed, minutes, replicas } = options
  console.log(`The schedule of seed ${seed}:`)
  for (const fault of scheduleOf(seed, minutes, replicas, kindsOf(options))) console.log(describeFault(fault))
  console.log('')
  const format = 'chaos {bar} {value}/{total} s · {rollouts} rollouts'
  const bar = process.stdout.isTTY ? new SingleBar({ format, hideCursor: true }) : undefined
  bar?.start(Math.round(minutes * 60), 0, { rollouts: 0 })
  const watcher = {
    say: (line: string) => (bar ? undefined : console.log(line)),
    show: (seconds: number, rollouts: number) =>
      bar?.update(Math.min(Math.round(seconds), Math.round(minutes * 60)), { rollouts }),
  }
  const run = await runChaos(options, path, watcher, stopped).finally(() => bar?.stop())
  const report = reportOf(run)
  console.log(`\n${describeReport(report, run, options)}`)
  if (isSound(report)) return 0
  for (const [replica, lines] of run.said.entries()) {
    console.log(`\nThe last lines of replica ${replica}:\n${lines.slice(-20).join('\n')}`)
  }
  return 1
}

if (process.argv.includes('--help')) console.log(usage)
else {
  const stopping = new AbortController()
  // SIGHUP: the terminal was closed.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stopping.abort())
  const code = await chaos(process.argv.slice(2), process.env['PATH'] ?? '', stopping.signal).catch(
    (error: unknown) => {
      console.error(`chaos: ${error instanceof Error ? error.message : String(error)}\n\n${usage}`)
      return 1
    },
  )
  // Handles that a failed run leaves open must not keep the process alive.
  process.exit(code)
}
