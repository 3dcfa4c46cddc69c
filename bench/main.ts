import { searchBench } from '../example/bench/search.ts'
import { readEnvironment } from '../src/server/config.ts'
import { burstBench } from './burst.ts'
import { callsBench } from './calls.ts'
import { gradeBench } from './grade.ts'
import { growthBench } from './growth.ts'
import { profileBench } from './profile-bench.ts'
import { regradeBench } from './regrade.ts'

/** What can be measured: `run` gets the arguments after the name, and the environment. */
const benches = [callsBench, gradeBench, burstBench, growthBench, profileBench, searchBench, regradeBench]

const [name, ...args] = process.argv.slice(2)
const bench = benches.find((each) => each.name === name)
if (bench === undefined) {
  const list = benches.map((each) => `  npm run bench -- ${each.usage}\n      ${each.about}`)
  process.stdout.write(`${['What can be measured:', '', ...list].join('\n')}\n`)
  process.exitCode = name === undefined ? 0 : 1
} else {
  await bench.run(args, readEnvironment()).catch((error: unknown) => {
    process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`)
    process.exitCode = 1
  })
}
