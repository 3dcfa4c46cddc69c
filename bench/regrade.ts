import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { z } from 'zod'
import { openBenchPostgres } from './bench-database.ts'
import { type Cleanup, makeScratchFolder } from './cleanup.ts'
import { cpuSeconds } from './cpu-time.ts'
import { numericGrader } from './environment.ts'
import { countDirectly } from './regrade-count.ts'
import { fillGraded } from './regrade-fill.ts'

const program = fileURLToPath(new URL('./regrade-program.ts', import.meta.url))
const root = fileURLToPath(new URL('..', import.meta.url))

/** Measures the command `regrade` on recorded rollouts, and checks its figures. */
export const regradeBench = {
  name: 'regrade',
  usage: 'regrade [--rollouts N] [--concurrency N] [--kill-after SECONDS]',
  about: '100,000 recorded rollouts graded again: time, memory, and its figures compared with a direct count',
  async run(args: readonly string[], env: NodeJS.ProcessEnv, cleanup: Cleanup): Promise<void> {
    const text = { type: 'string' } as const
    const options = {
      rollouts: { ...text, default: '100000' },
      concurrency: { ...text, default: '32' },
      'kill-after': text,
    }
    const { values } = parseArgs({ args: [...args], options })
    const rollouts = z.coerce.number().int().min(100).parse(values.rollouts.replaceAll(/[_,]/g, ''))
    const killAfter = z.coerce.number().positive().optional().parse(values['kill-after'])
    const grader = numericGrader
    const postgres = await openBenchPostgres(env, cleanup)
    const folder = makeScratchFolder(cleanup)
    const { sql, url } = await postgres.makeDatabase()
    write(postgres.where)
    const filling = await fillGraded(sql, grader.name, rollouts)
    write(`${rollouts} rollouts of ten calls recorded in ${filling.toFixed(0)} s\n`)
    const files = { csv: join(folder, 'all.csv'), page: join(folder, 'page.html') }
    const asked = ['--grader', grader.name, '--concurrency', values.concurrency, '--json']
    const child = { ...env, DATABASE_URL: url }
    if (killAfter !== undefined) {
      await runCommand(asked, child, killAfter)
      const [row] = await sql<{ n: number }[]>`select count(*)::int as n from grades where source = 'regrade'`
      write(`killed after ${killAfter} s, with ${row?.n} graded; running the same command again:`)
    }
    const first = await runCommand([...asked, '--csv', files.csv, '--page', files.page], child)
    const direct = await countDirectly(sql, grader.name)
    const done = direct.scored + direct.failed + direct.ungradable
    write(
      `graded and reported in ${first.seconds.toFixed(1)} s, ${(done / first.seconds).toFixed(0)} a second, ` +
        `${first.processor?.toFixed(0) ?? 'unknown'} s of processor time of its own, at most ${first.megabytes} MB resident`,
    )
    write(`written: ${size(files.csv)} of CSV, ${size(files.page)} of HTML`)
    const report = z.record(z.string(), z.unknown()).parse(JSON.parse(first.out))
    for (const [name, counted] of Object.entries(direct)) {
      const said = z.number().parse(report[name])
      const agrees = Math.abs(said - counted) <= 1e-9 * Math.max(1, Math.abs(counted))
      write(`  ${name.padEnd(14)}${String(said).padEnd(24)}${agrees ? 'as counted directly' : `COUNTED ${counted}`}`)
      if (!agrees) process.exitCode = 1
    }
    const again = await runCommand(asked, child)
    write(
      `again, with nothing left but failures: ${again.seconds.toFixed(1)} s, at most ${again.megabytes} MB resident`,
    )
  },
}

/** Runs the command, up to `killAfter` seconds. */
async function runCommand(args: readonly string[], env: NodeJS.ProcessEnv, killAfter?: number) {
  const began = performance.now()
  const options = { cwd: root, env, stdio: ['ignore', 'pipe', 'inherit'] as ['ignore', 'pipe', 'inherit'] }
  const child = spawn(process.execPath, ['--import', 'tsx', program, ...args], options)
  const chunks: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
  let megabytes = 0
  let processor: number | undefined
  const look = setInterval(() => {
    megabytes = Math.max(megabytes, peakMegabytes(child.pid))
    processor = cpuSeconds(child.pid === undefined ? [] : [child.pid]) ?? processor
  }, 100)
  const timer = killAfter === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), killAfter * 1000)
  const [code] = await once(child, 'close')
  clearInterval(look)
  clearTimeout(timer)
  if (code !== 0 && killAfter === undefined) throw new Error(`the command ended with ${String(code)}`)
  return { seconds: (performance.now() - began) / 1000, megabytes, processor, out: Buffer.concat(chunks).toString() }
}

/** The peak resident memory of a process in MB, where the system tells (Linux); otherwise 0. */
function peakMegabytes(pid: number | undefined): number {
  try {
    const found = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
    return Math.round(Number(found?.[1] ?? 0) / 1024)
  } catch {
    return 0
  }
}

const size = (file: string) => `${(statSync(file).size / 1e6).toFixed(1)} MB`
const write = (line: string) => void process.stdout.write(`${line}\n`)
