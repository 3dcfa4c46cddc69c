import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { addressOf, kill, spawnServer } from '../server-process.ts'
import { revenueOf } from './environment.ts'

/** A server whose ledger `learn` and `simulate` fill. */
export interface FilledServer {
  readonly url: string
  /** Resolves when the commands have ended, with their exit codes. */
  readonly filled: Promise<Readonly<Record<'honest' | 'hack' | 'healthy' | 'outage', number | null>>>
  /** Runs the program `scorekeeper` against the server, and resolves with its exit code. */
  run(...args: readonly string[]): Promise<number | null>
  stop(): Promise<void>
}

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url))

/** Rollouts that begin within half a second of one another are a burst, and steps are further apart than that. */
const burstGapSeconds = '0.5'
const stepPauseSeconds = '0.8'

/**
 * Starts a server as its users do, and begins to play three runs against it over HTTP: `honest` and `hack` are trainings by `learn`, whose
 * steps are bursts; in `outage`, played by `simulate`, the service that a grader needs stops.
 */
export async function fillLedger(
  folder: string,
  databaseUrl: string,
  keys: { readonly viewer: string; readonly trainer: string },
): Promise<FilledServer> {
  const verifier = createServer((_, response) => void response.end('ok'))
  await new Promise<void>((resolve) => verifier.listen(0, '127.0.0.1', resolve))
  const place = verifier.address()
  const port = typeof place === 'object' ? place?.port : undefined
  const env = {
    DATABASE_URL: databaseUrl,
    VERIFIER_URL: `http://127.0.0.1:${port}`,
    API_KEYS: `viewer:read+grade=${keys.viewer} trainer:tools+grade=${keys.trainer}`,
    SCOREKEEPER_KEY: keys.trainer,
    BURST_GAP_SECONDS: burstGapSeconds,
    PORT: '0',
  }
  const server = spawnServer(folder, env, here('./server.ts'))
  const url = await addressOf(server)
  const run = async (...args: readonly string[]): Promise<number | null> => {
    const program = spawnServer(folder, env, here('./scorekeeper.ts'), args)
    const code = await program.ended
    if (code !== 0 && code !== 1) throw new Error(`${args[0]} ended with ${code}: ${program.written.err}`)
    return code
  }
  const train = join(folder, 'train.jsonl')
  const validation = join(folder, 'validation.jsonl')
  writeFileSync(train, dataset(0, 60))
  writeFileSync(validation, dataset(60, 10))
  const learn = (name: 'honest' | 'hack', grader: string, rate: string) =>
    run(
      ...['learn', url, '--ledger', '--run', name, '--grader', grader, '--learner', here(`./${name}.ts`)],
      ...['--dataset', train, '--validation', validation, '--validation-items', '10', '--step-pause', stepPauseSeconds],
      ...['--steps', '28', '--validate-every', '14', '--items', '4', '--group', '8', '--rate', rate],
      ...['--page', join(folder, `${name}.html`)],
    )
  const simulate = (seed: string) =>
    run(
      ...['simulate', url, '--run', 'outage', '--grader', 'verified', '--agents', here('./agents.ts'), '--seed', seed],
      ...['--dataset', train, '--items', '25', '--group', '4', '--pause', '0.05', '--concurrency', '50'],
    )
  const outage = async () => {
    const healthy = await simulate('healthy')
    await new Promise<void>((resolve) => {
      verifier.close(() => resolve())
      verifier.closeAllConnections()
    })
    return { healthy, outage: await simulate('outage') }
  }
  const fill = async () => {
    const runs = [outage(), learn('honest', 'honest', '0.4'), learn('hack', 'hackable', '0.2')] as const
    const [simulated, honest, hack] = await Promise.all(runs)
    return { ...simulated, honest, hack }
  }
  const filled = fill()
  // A failure is seen by who awaits it, which may be later.
  filled.catch(() => undefined)
  return { url, filled, run, stop: () => kill(server) }
}

/** Questions about companies, as a dataset in JSON Lines. */
function dataset(from: number, count: number): string {
  const rows = Array.from({ length: count }, (_, n) => ({
    messages: [{ role: 'user', content: `What did company ${from + n} earn?` }],
    answer: `${revenueOf(from + n)} million`,
  }))
  return rows.map((row) => `${JSON.stringify(row)}\n`).join('')
}
