import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { z } from 'zod'
import { createLatencies, type Latencies } from './latencies.ts'
import { type BurstWish, burstSeen, type SteadyWish, steadySeen } from './load-wish.ts'

/** What one measurement saw. */
export interface Seen {
  /** Answers a second. */
  readonly rate: number
  readonly latencies: Latencies
  /** Answers other than 200, and lost connections. */
  readonly errors: number
}

/** A server that is measured. */
export interface MeasuredServer {
  readonly pid: number
  readonly port: number
  stop(): Promise<void>
}

/** A process that makes load when it is told to. */
export interface Load {
  readonly pid: number
  measure(wish: Omit<SteadyWish, 'do'>): Promise<Seen>
  burst(wish: Omit<BurstWish, 'do'>): Promise<z.infer<typeof burstSeen>>
  stop(): Promise<void>
}

const root = fileURLToPath(new URL('..', import.meta.url))

/** Builds the server and the load as `npm run build` does, for tsx's way of compiling slows them down; gives the folder. */
export async function build(): Promise<string> {
  const folder = join(root, 'dist', 'measured')
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
  const options = ['-p', 'tsconfig.json', '--noEmit', 'false', '--noCheck', '--rootDir', '.', '--outDir', folder]
  await promisify(execFile)(process.execPath, [tsc, ...options], { cwd: root })
  for (const migrations of ['src/ledger/migrations', 'schema/migrations']) {
    if (existsSync(join(root, migrations)))
      cpSync(join(root, migrations), join(folder, migrations), { recursive: true })
  }
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }\n')
  return folder
}

/** Starts one measured server of what {@link build} built. */
export async function startServer(
  folder: string,
  env: NodeJS.ProcessEnv,
  nodeOptions: readonly string[] = [],
): Promise<MeasuredServer> {
  const child = spawn(process.execPath, [...nodeOptions, join(folder, 'bench', 'measured-server.js')], {
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

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGTERM')
  await once(child, 'exit')
}
