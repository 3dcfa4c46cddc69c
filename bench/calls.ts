import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import { z } from 'zod'

const seen = z.object({ rate: z.number(), p50: z.number(), p99: z.number(), errors: z.number() })
const key = 'a-key-for-the-bench-alone'
const tsx = ['--import', 'tsx']

/** What is called, from how many connections at once. */
const cases = [
  { name: 'bare route', path: '/bare', connections: 64 },
  { name: "effects: 'none'", path: '/tools/none', connections: 64 },
  { name: "effects: 'none', 500 at once", path: '/tools/none', connections: 500 },
  { name: "effects: 'database'", path: '/tools/database', connections: 64 },
  { name: "effects: 'external'", path: '/tools/external', connections: 64 },
  { name: 'grading', path: '/grade', connections: 64 },
  { name: "effects: 'none', one at a time", path: '/tools/none', connections: 1 },
  { name: 'bare route again', path: '/bare', connections: 64 },
]

/** Measures tool calls and gradings against the same server's bare route, in one run. */
export const callsBench = {
  name: 'calls',
  usage: 'calls [SECONDS]',
  about: 'calls and gradings a second, as a ratio to the same server without a ledger',
  async run(args: readonly string[], env: NodeJS.ProcessEnv): Promise<void> {
    const seconds = z.coerce
      .number()
      .positive()
      .parse(args[0] ?? '5')
    const folder = mkdtempSync(join(tmpdir(), 'scorekeeper-bench-'))
    const server = spawn(process.execPath, [...tsx, 'bench/measured-server.ts'], {
      env: { DATA_DIR: folder, ...env, API_KEYS: key },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    try {
      const [url] = await once(createInterface({ input: server.stdout }), 'line')
      const measure = async (path: string, connections: number, time: number) => {
        const wish = JSON.stringify({ url, path, connections, seconds: time, key })
        const { stdout } = await promisify(execFile)(process.execPath, [...tsx, 'bench/load.ts', wish])
        return seen.parse(JSON.parse(stdout))
      }
      for (const { path } of cases) await measure(path, 64, 1)
      const [cpu] = cpus()
      const where = env['DATABASE_URL'] ? 'the Postgres of DATABASE_URL' : 'the embedded Postgres'
      const machine = `${cpus().length} × ${cpu?.model ?? 'CPU'}, Node ${process.versions.node}, ${where}`
      process.stdout.write(`${machine}; client, server and database share it; ${seconds} s each\n\n`)
      process.stdout.write(`${row(['', 'a second', 'of bare', 'p50 ms', 'p99 ms', 'errors'])}\n`)
      let bare = Number.NaN
      for (const { name, path, connections } of cases) {
        const { rate, p50, p99, errors } = await measure(path, connections, seconds)
        if (Number.isNaN(bare)) bare = rate
        const cells = [name, rate.toFixed(0), (rate / bare).toFixed(2), p50.toFixed(1), p99.toFixed(1), String(errors)]
        process.stdout.write(`${row(cells)}\n`)
      }
    } finally {
      server.kill('SIGTERM')
      await once(server, 'exit')
      rmSync(folder, { recursive: true, force: true })
    }
  },
}

const row = (cells: readonly string[]) =>
  cells.map((cell, at) => (at === 0 ? cell.padEnd(32) : cell.padStart(9))).join('')
