import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { z } from 'zod'
import { createLatencies, type Latencies } from './latencies.ts'
import { type BurstWish, burstSeen, type SteadyWish, steadySeen } from './load-wish.ts'

/** The result of one measurement. */
export interface Seen {
  /** Answers a second. */
  readonly rate: number
  readonly latencies: Latencies
  /** Statuses other than 200, and lost connections. */
  readonly errors: number
}

/** A measured server. */
export interface MeasuredServer {
  readonly pid: number
  readonly port: number
  stop(): Promise<void>
}

/** A process that makes load on request. */
export interface Load {
  readonly pid: number
  measure(wish: Omit<SteadyWish, 'do'>): Promise<Seen>
  burst(wish: Omit<BurstWish, 'do'>): Promise<z.infer<typeof burstSeen>>
  stop(): Promise<void>
}

/** A process that takes longer to stop is killed. */
const stopSeconds = 10
const root = fileURLToPath(new URL('..', import.meta.url))

/** The folders of SQL that the compiler does not copy; a tree may lack some of them. */
const migrationFolders = [join('schema', 'migrations'), join('src', 'ledger', 'migrations')]

/**
 * Compiles the server and the load, because tsx would slow them down, and gives the folder of what was compiled.
 *
 * @param from the sources: this repository, or a checkout of another revision with its `node_modules`
 */
export async function build(from: string = root): Promise<string> {
  const folder = join(from, 'dist', 'measured')
  const tsc = join(from, 'node_modules', 'typescript', 'bin', 'tsc')
  const options = ['-p', 'tsconfig.json', '--noEmit', 'false', '--noCheck', '--rootDir', '.', '--outDir', folder]
  rmSync(folder, { recursive: true, force: true })
  await promisify(execFile)(process.execPath, [tsc, ...options], { cwd: from })
  for (const migrations of migrationFolders) {
    if (existsSync(join(from, migrations)))
      cpSync(join(from, migrations), join(folder, migrations), { recursive: true })
  }
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }\n')
  return folder
}

/** The Node of a measured server, by default this one, and its options. */
export interface ServerProcess {
  readonly node?: string | undefined
  readonly nodeOptions?: readonly string[]
  /** The program in the folder, when it is not the bench's own server; its first line is its port. */
  readonly program?: string
}

/** Starts one measured server of what {@link build} built. */
export async function startServer(
  folder: string,
  env: NodeJS.ProcessEnv,
  { node = process.execPath, nodeOptions = [], program = join('bench', 'measured-server.js') }: ServerProcess = {},
): Promise<MeasuredServer> {
  const child = spawn(node, [...nodeOptions, join(folder, program)], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const port = z.coerce.number().parse(await linesOf(child, child.stdout)())
  return { pid: child.pid ?? 0, port, stop: () => stop(child) }
}

/** Starts a load of what {@link build} built. */
export function startLoad(folder: string, env: NodeJS.ProcessEnv): Load {
  const child = spawn(process.execPath, [join(folder, 'bench', 'load.js')], { env, stdio: ['pipe', 'pipe', 'inherit'] })
  const nextLine = linesOf(child, child.stdout)
  const ask = async (wish: object): Promise<unknown> => {
    child.stdin.write(`${JSON.stringify(wish)}\n`)
    return JSON.parse(await nextLine())
  }
  return {
    pid: child.pid ?? 0,
    burst: async (wish) => burstSeen.parse(await ask({ do: 'burst', ...wish })),
    async measure(wish) {
      const { seconds, errors, counts } = steadySeen.parse(await ask({ do: 'steady', ...wish }))
      const latencies = createLatencies()
      latencies.merge(counts)
      return { rate: latencies.total / seconds, latencies, errors }
    },
    stop: () => stop(child),
  }
}

function linesOf(child: ChildProcess, output: Readable): () => Promise<string> {
  const lines = createInterface({ input: output })
  const died = once(child, 'exit').then(() => {
    throw new Error(`${child.spawnargs.at(-1)} has ended`)
  })
  died.catch(() => undefined)
  return async () => {
    const [line] = await Promise.race([once(lines, 'line'), died])
    return z.string().parse(line)
  }
}

/** Stops a process with SIGTERM, and kills it if it takes too long. */
export async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), stopSeconds * 1000)
  await exited
  clearTimeout(timer)
}
