import { Command, type CommandUnknownOpts } from '@commander-js/extra-typings'
import type { Log } from '../../base/log.ts'
import { durationText } from '../../dashboard/rollout-view.ts'
import type { SandboxPlan } from '../../kit/sandboxes.ts'
import { createSandboxClosing, type ListedSandbox } from '../../ledger/sandbox-closing.ts'
import { openServerDatabase } from '../../postgres/open-database.ts'
import { loadConfig } from '../../server/config/config.ts'
import { openSandboxes } from '../../server/sandboxes.ts'
import { whole } from '../options.ts'
import { runName } from '../run-option.ts'
import { exitCodes } from '../run-program.ts'
import { withServerDatabase } from './reading.ts'

const examples = `
Examples:
  scorekeeper sandboxes                 the sandboxes that may exist, the oldest first
  scorekeeper sandboxes --run exp-7
  scorekeeper sandboxes --reap          closes those that belong to no open rollout, as a server does every 20 seconds
`

/** The command that lists sandboxes and closes those that belong to no open rollout. */
export function sandboxesCommand(env: NodeJS.ProcessEnv, plans: readonly SandboxPlan[]): CommandUnknownOpts {
  return new Command('sandboxes')
    .summary('list the sandboxes of rollouts, close those that are left over')
    .description(
      'Lists the sandboxes that may exist, from the server’s database. With --reap it asks their provider, and closes what ' +
        'carries this installation’s label and belongs to no open rollout. It ends with 1 if one could not be closed.',
    )
    .option('--run <name>', 'one run', runName)
    .option('--most <n>', 'how many to list', whole, 50)
    .option('--reap', 'close those that belong to no open rollout')
    .option('--json', 'print it as JSON')
    .addHelpText('after', examples)
    .action(async ({ run, most, reap = false, json = false }) => {
      if (reap) process.exitCode = await reapNow(env, plans, json)
      else {
        const found = await withServerDatabase(env, (sql) => createSandboxClosing(sql).list(run, most))
        process.stdout.write(`${json ? JSON.stringify(found) : tableOf(found)}\n`)
      }
    })
}

async function reapNow(env: NodeJS.ProcessEnv, plans: readonly SandboxPlan[], json: boolean): Promise<number> {
  const config = loadConfig(env)
  const database = await openServerDatabase({ ...config, poolSize: 4, migrates: false })
  try {
    const open = await openSandboxes({ config, plans, sql: database.sql, log: warningsOnly })
    try {
      const done = await open.sandboxes.reap()
      const { listed, orphans, stuck, lost } = done
      const text = `${listed} at the provider, ${orphans} without a rollout, ${lost} lost, ${stuck} could not be closed`
      process.stdout.write(`${json ? JSON.stringify(done) : text}\n`)
      return stuck === 0 ? 0 : exitCodes.failed
    } finally {
      await open.close()
    }
  } finally {
    await database.close()
  }
}

function tableOf(found: readonly ListedSandbox[]): string {
  if (found.length === 0) return 'there are no sandboxes'
  const rows = found.map(({ run, rollout, rolloutId, name, status, provider, host, handle, ageSeconds, cause }) => [
    `${run}/${rolloutId ?? rollout}`,
    name,
    status,
    host === null ? provider : `${provider} on ${host}`,
    handle ?? '',
    durationText(ageSeconds * 1000),
    cause ?? '',
  ])
  const all = [['rollout', 'name', 'status', 'provider', 'handle', 'age', 'cause'], ...rows]
  const widths = all[0]?.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0))) ?? []
  return all
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

const warningsOnly: Log = {
  info() {},
  warn(_, message) {
    process.stderr.write(`${message}\n`)
  },
  error(_, message) {
    process.stderr.write(`${message}\n`)
  },
}
