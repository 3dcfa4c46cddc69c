import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { z } from 'zod'
import { openBenchPostgres } from './bench-database.ts'
import { describeSizes, readSizes, realSizes, sizeOptions, sizeUsage } from './body-sizes.ts'
import { checkOut, installNode } from './checkout.ts'
import type { Cleanup } from './cleanup.ts'
import { median } from './latencies.ts'
import { describeMachine } from './machine.ts'
import { comparePairs, type PairRatios } from './pairs.ts'
import { build, type MeasuredServer, type ServerProcess, startLoad, startServer } from './processes.ts'
import { benchKey, serverVariables } from './stage.ts'

const paths: Readonly<Record<string, string>> = {
  bare: '/bare',
  none: '/tools/none',
  database: '/tools/database',
  external: '/tools/external',
  grade: '/grade',
}

/** A median ratio from here on counts as "not lower". */
const notLower = 0.97

/** Compares this build with that of another revision, in interleaved pairs of one run. */
export const againstBench = {
  name: 'against',
  usage: `against REV [--only none,database,external,grade,bare] [--pairs N] [--seconds N] [--connections N] ${sizeUsage} [--node VERSION] [--json]`,
  about: 'this build beside that of another revision: the median of the ratios of ten interleaved pairs',
  async run(args: readonly string[], env: NodeJS.ProcessEnv, cleanup: Cleanup): Promise<void> {
    const { revision, cases, pairs, seconds, connections, isJson, given, nodeVersion } = readOptions(args)
    const say = (line: string) => void (isJson ? process.stderr : process.stdout).write(`${line}\n`)
    say(`checking out and building ${revision} and this tree`)
    const checkout = await checkOut(revision, cleanup)
    const folders = { old: await build(checkout.folder), now: await build() }
    const sizes = sizesFor(checkout.folder, given)
    const usesSocket = reachesBySocket(checkout.folder)
    const node = nodeVersion === undefined ? undefined : await installNode(nodeVersion, cleanup)
    const postgres = await openBenchPostgres(env, cleanup)
    const start = async (folder: string, more: ServerProcess = {}) => {
      const made = await postgres.makeDatabase({ migrated: false })
      const database = { ...made, url: folder === folders.now || usesSocket ? made.url : made.tcpUrl }
      const starting = startServer(folder, { ...env, ...serverVariables(database, sizes) }, more)
      return await cleanup.start(starting, (server) => server.stop())
    }
    const load = startLoad(folders.now, env)
    cleanup.add(load.stop)
    const servers = [await start(folders.old), await start(folders.now, { node }), await start(folders.old)] as const
    say(`${describeMachine()}, ${postgres.where}; all of them share it`)
    if (!usesSocket) say('each build reaches the database as its server does: the old one over TCP alone')
    if (nodeVersion !== undefined)
      say(`this build runs on Node ${nodeVersion}, the old one on ${process.versions.node}`)
    say(
      `${pairs} pairs of ${seconds} s each, ${connections} connections, ${describeSizes(sizes)}; old is ${checkout.name}\n`,
    )
    const results: Record<string, PairRatios> = {}
    for (const id of cases) {
      const path = paths[id] ?? id
      const kind = path === '/grade' ? ('gradings' as const) : ('calls' as const)
      const measure = async ({ port }: MeasuredServer, at = path, time = seconds) => {
        const { itemBytes } = sizes
        const wish = { ports: [port], kind, key: benchKey, connections, itemBytes, path: at, seconds: time }
        const { rate, errors } = await load.measure(wish)
        if (errors > 0) throw new Error(`${errors} requests to ${at} failed`)
        return rate
      }
      const [old, now, control] = servers
      for (const server of servers) await measure(server, path, Math.min(2, seconds))
      results[id] = await comparePairs(
        {
          old: () => measure(old),
          now: () => measure(now),
          control: () => measure(control),
          bare: kind === 'calls' && id !== 'bare' ? () => measure(old, '/bare') : undefined,
        },
        pairs,
      )
      say(describe(id, results[id]))
    }
    if (isJson) {
      const about = { revision: checkout.name, sizes, node: nodeVersion ?? process.versions.node }
      process.stdout.write(`${JSON.stringify({ ...about, results }, null, 2)}\n`)
    }
    const ends = Object.values(results)
    if (ends.some(({ control }) => median(control) < notLower)) {
      say(`\nthe old build against itself misses ${notLower}: the machine is too noisy; make the run again`)
      process.exitCode = 2
    } else if (ends.some(({ now }) => median(now) < notLower)) process.exitCode = 1
  },
}

function describe(id: string, { rates, now, control, ofBare }: PairRatios): string {
  const spread = (ratios: readonly number[]) =>
    `${median(ratios).toFixed(3)} (${Math.min(...ratios).toFixed(2)}–${Math.max(...ratios).toFixed(2)})`
  const verdict = median(now) >= notLower ? 'not lower' : 'LOWER'
  const rate = `${median(rates.old).toFixed(0)}/s → ${median(rates.now).toFixed(0)}/s`
  const bare = ofBare.length === 0 ? '' : `; now/old's bare route ${spread(ofBare)}`
  return `${id.padEnd(10)} ${rate.padEnd(22)} now/old ${spread(now)}: ${verdict}; old/old ${spread(control)}${bare}`
}

/** The sizes that were given, or real ones. A build without `body-sizes.ts` knows the least outputs alone. */
function sizesFor(
  oldFolder: string,
  { item, output }: { readonly item: string; readonly output?: string | undefined },
) {
  const isKnown = existsSync(join(oldFolder, 'bench', 'body-sizes.ts'))
  const sizes = readSizes({ item, output: output ?? (isKnown ? String(realSizes.outputBytes) : '0') })
  if (sizes.outputBytes === 0 || isKnown) return sizes
  throw new Error('--output: the old build answers with a few bytes, whatever is asked; leave it out')
}

/** Whether a build reaches its embedded database over a Unix socket. */
function reachesBySocket(folder: string): boolean {
  const file = join(folder, 'src', 'postgres', 'embedded', 'supervise.ts')
  return existsSync(file) && readFileSync(file, 'utf8').includes('socketUrl')
}

function readOptions(args: readonly string[]) {
  const text = { type: 'string' } as const
  const options = {
    only: { ...text, default: 'none,database,external,grade' },
    pairs: { ...text, default: '10' },
    seconds: { ...text, default: '3' },
    connections: { ...text, default: '64' },
    item: sizeOptions.item,
    output: text,
    node: text,
    json: { type: 'boolean', default: false },
  } as const
  const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true })
  const [revision] = positionals
  if (revision === undefined) throw new Error('name a revision: npm run bench -- against main')
  const cases = values.only.split(',')
  const unknown = cases.find((id) => paths[id] === undefined)
  if (unknown !== undefined) throw new Error(`--only: "${unknown}" is not one of ${Object.keys(paths).join(', ')}`)
  const whole = z.coerce.number().int().positive()
  return {
    revision,
    cases,
    pairs: whole.parse(values.pairs),
    seconds: z.coerce.number().positive().parse(values.seconds),
    connections: whole.parse(values.connections),
    isJson: values.json,
    given: { item: values.item, output: values.output },
    nodeVersion: values.node,
  }
}
