import { parseArgs } from 'node:util'
import { z } from 'zod'
import { describeSizes, readSizes, sizeOptions, sizeUsage } from './body-sizes.ts'
import { callCases, describeCases } from './call-cases.ts'
import type { Cleanup } from './cleanup.ts'
import { makeReferenceTable } from './references.ts'
import { measureInRounds } from './rounds.ts'
import { measureSleepers } from './sleepers.ts'
import { setStage } from './stage.ts'
import { formatHead, formatRow } from './table.ts'

/** Measures tool calls against the same server's bare route, in one run. */
export const callsBench = {
  name: 'calls',
  usage: `calls [SECONDS] [--rounds N] [--only none,database,…] [--sleep SECONDS] ${sizeUsage} [--json]`,
  about: 'rate and latency of tool calls, as a ratio to the same server without a ledger',
  async run(args: readonly string[], env: NodeJS.ProcessEnv, cleanup: Cleanup): Promise<void> {
    const options = {
      rounds: { type: 'string', default: '3' },
      only: { type: 'string' },
      sleep: { type: 'string', default: '10' },
      ...sizeOptions,
      json: { type: 'boolean', default: false },
    } as const
    const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true })
    // With --json, standard output has the figures alone.
    const write = (line: string) => void (values.json ? process.stderr : process.stdout).write(`${line}\n`)
    const seconds = z.coerce
      .number()
      .positive()
      .parse(positionals[0] ?? '2')
    const rounds = z.coerce.number().int().positive().parse(values.rounds)
    const sleepSeconds = z.coerce.number().positive().parse(values.sleep)
    const only = values.only?.split(',')
    const sizes = readSizes(values)
    const stage = await setStage({ ...env, SLEEP_SECONDS: String(sleepSeconds) }, cleanup, { sizes })
    await makeReferenceTable(stage.database.sql)
    const { reference, cases } = await callCases(stage, seconds, only)
    for (const one of [reference, ...cases]) await one.warm()
    write(stage.where)
    write(`${rounds} rounds of ${seconds} s each, the bare route between any two; ${describeSizes(sizes)}\n`)
    const seen = await measureInRounds(reference, cases, rounds)
    const rows = describeCases(seen)
    write(formatHead('bare'))
    for (const row of rows) write(formatRow(row))
    if (values.json) process.stdout.write(`${JSON.stringify({ where: stage.where, sizes, rows }, null, 2)}\n`)
    if (only === undefined && !seen.has('pgbench')) write('pgbench is not installed')
    if (only !== undefined && !only.includes('sleepers')) return
    write('')
    for (const line of await measureSleepers(stage, sleepSeconds, seconds)) write(line)
  },
}
