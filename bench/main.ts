import { existsSync } from 'node:fs'
import { z } from 'zod'
import { readEnvironment } from '../src/server/config/config.ts'
import { againstBench } from './against.ts'
import { burstBench } from './burst.ts'
import { callsBench } from './calls.ts'
import { type Cleanup, cleaningUp, sweepScratchFolders } from './cleanup.ts'
import { foldBench } from './fold.ts'
import { gradeBench } from './grade.ts'
import { growthBench } from './growth.ts'
import { profileBench } from './profile-bench.ts'
import { regradeBench } from './regrade.ts'
import { sandboxesBench } from './sandboxes.ts'

/** Something to measure. */
interface Bench {
  readonly name: string
  readonly usage: string
  readonly about: string
  readonly run: (args: readonly string[], env: NodeJS.ProcessEnv, cleanup: Cleanup) => Promise<void>
}

const own: readonly Bench[] = [
  callsBench,
  gradeBench,
  burstBench,
  foldBench,
  growthBench,
  profileBench,
  regradeBench,
  sandboxesBench,
  againstBench,
]

/** The benches of the example, which is gone from a repository of one's own. */
async function benchesOfExample(): Promise<readonly Bench[]> {
  const list = new URL('../example/bench/index.ts', import.meta.url)
  if (!existsSync(list)) return []
  const module: unknown = await import(list.href)
  return z.object({ benches: z.array(z.custom<Bench>()) }).parse(module).benches
}

const [name, ...args] = process.argv.slice(2)
const benches = [...own, ...(await benchesOfExample())]
const bench = benches.find((each) => each.name === name)
if (bench === undefined) {
  const list = benches.map((each) => `  npm run bench -- ${each.usage}\n      ${each.about}`)
  process.stdout.write(`${['What can be measured:', '', ...list].join('\n')}\n`)
  process.exitCode = name === undefined ? 0 : 1
} else {
  await sweepScratchFolders()
  await cleaningUp((cleanup) => bench.run(args, readEnvironment(), cleanup)).catch((error: unknown) => {
    process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`)
    process.exitCode = 1
  })
}
