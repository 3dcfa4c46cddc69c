import { parseArgs } from 'node:util'
import { z } from 'zod'
import { describeSizes, readSizes, sizeOptions, sizeUsage } from './body-sizes.ts'
import { type Cleanup, makeScratchFolder } from './cleanup.ts'
import { cpuSeconds, postgresPids } from './cpu-time.ts'
import { type CpuProfile, readProfile, shareOfParts } from './profile.ts'
import { makeReferenceTable } from './references.ts'
import { setStage } from './stage.ts'

/** Shows where the time of a call goes, by a CPU profile of the server under load. */
export const profileBench = {
  name: 'profile',
  usage: `profile [PATH] [SECONDS] [--out FOLDER] ${sizeUsage}`,
  about: "where the server's time goes under calls of /tools/none or another path: /bare, /tools/database, …",
  async run(args: readonly string[], env: NodeJS.ProcessEnv, cleanup: Cleanup): Promise<void> {
    const options = { out: { type: 'string' }, ...sizeOptions } as const
    const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true })
    const path = positionals[0] ?? '/tools/none'
    const seconds = z.coerce
      .number()
      .positive()
      .parse(positionals[1] ?? '8')
    const folder = values.out ?? makeScratchFolder(cleanup)
    const profiling = ['--cpu-prof', `--cpu-prof-dir=${folder}`]
    const sizes = readSizes(values)
    const { where, database, measure, server, load } = await setStage(env, cleanup, { sizes, nodeOptions: profiling })
    await makeReferenceTable(database.sql)
    await measure({ path, seconds: 2 })
    const pids = { 'the server': [server.pid], 'the load': [load.pid], Postgres: await postgresPids(database.sql) }
    const before = Object.values(pids).map(cpuSeconds)
    const { rate, latencies } = await measure({ path, seconds })
    const used = Object.entries(pids).map(([who, ids], at): string => {
      const ms = (((cpuSeconds(ids) ?? Number.NaN) - (before[at] ?? Number.NaN)) * 1000) / latencies.total
      return `${who} ${ids.length === 0 || Number.isNaN(ms) ? 'unknown' : `${ms.toFixed(3)} ms`}`
    })
    write(where)
    write(`${path}, 64 connections: ${rate.toFixed(0)} a second under the profiler, with ${describeSizes(sizes)}`)
    write(`processor time of each request: ${used.join(', ')}\n`)
    // The profile is written when the server ends.
    await server.stop()
    describe(readProfile(folder))
    if (values.out !== undefined) write(`\nThe profile, for Chrome's DevTools or an editor, is in ${folder}.`)
  },
}

function describe(profile: CpuProfile): void {
  for (const [part, share] of shareOfParts(profile)) {
    write(`${part.padEnd(32)}${`${(share * 100).toFixed(1)} %`.padStart(8)}`)
  }
}

const write = (line: string) => void process.stdout.write(`${line}\n`)
