import type { Log } from '../../base/log.ts'
import { createEnder } from '../../core/end.ts'
import type { Hooks } from '../../kit/hooks.ts'
import type { ReadSettings, SettingsReader } from '../../kit/settings.ts'
import { createLedger } from '../../ledger/ledger.ts'
import { countAttempts, readRuns } from '../../ledger/reports/runs.ts'
import { openServerDatabase } from '../../postgres/open-database.ts'
import { loadSettings } from '../../server/config/config.ts'
import { createEndHook } from '../../server/end-hook.ts'
import { saysYes } from '../ask.ts'
import { progressView } from '../progress.ts'
import { exitCodes, interruptible } from '../run-program.ts'

/** What deleting recorded rollouts needs: the environment, whose `end` runs before. */
export interface DeletionDeps {
  readonly env: NodeJS.ProcessEnv
  /** Reads the settings of the environment. */
  readonly settings: Pick<SettingsReader<unknown>, 'read'>
  /** The environment's hooks with these settings. */
  readonly makeHooks: ((settings: ReadSettings) => Hooks) | undefined
}

/** What to delete. */
export interface DeletionChoice {
  readonly run: string
  /** One rollout with all its attempts; undefined for the whole run. */
  readonly rollout?: string | undefined
  /** Deletes without asking. */
  readonly isConfirmed: boolean
}

/**
 * Deletes a run or a rollout, after asking: ends the attempts that are open, with the environment's hook, and then deletes them
 * with their calls, gradings and rows. Resolves with the exit code. Ctrl-C stops it after what is being deleted, and the same
 * command continues.
 */
export function deleteRecorded(command: string, deps: DeletionDeps, choice: DeletionChoice): Promise<number> {
  const { run, rollout, isConfirmed } = choice
  return interruptible(
    command,
    async (ending, stopping) => {
      const { config, settings } = loadSettings(deps.env, deps.settings)
      const database = await openServerDatabase({ ...config, poolSize: 4 })
      const view = progressView(process.stderr)
      try {
        const attempts = await countAttempts(database.sql, run, rollout)
        const what = rollout === undefined ? `the run "${run}"` : `the rollout "${run}/${rollout}"`
        const noun = rollout === undefined ? 'rollout' : 'attempt'
        const counted = (count: number) => `${count.toLocaleString('en-US')} ${noun}${count === 1 ? '' : 's'}`
        const exists = rollout === undefined ? (await readRuns(database.sql, run)).length > 0 : attempts > 0
        if (!exists) throw new Error(`${what} is not recorded`)
        const held = `${counted(attempts)} with calls and gradings`
        if (!(isConfirmed || (await isAgreed(`delete ${what}, ${held}? [y/N] `, ending)))) return exitCodes.failed
        const { rolloutTables: tables } = database
        const { idleSeconds, waitSeconds, leaseSeconds } = config.limits
        const ledger = createLedger({ ...database, budget: undefined, idleSeconds, tables, now: Date.now })
        const hook = createEndHook({ hooks: deps.makeHooks?.(settings), database })
        const times = { waitSeconds, leaseSeconds }
        const ender = createEnder({ ledger, log: errorsOnly, hook, hasRows: tables.length > 0, ...times, stopping })
        const bar = view.bar('deleting', attempts)
        const onDeleted = (count: number) => {
          bar.add(count)
          ending.throwIfAborted()
        }
        const deleted =
          rollout === undefined
            ? await ender.deleteRun(run, onDeleted)
            : await ender.deleteRollout({ run, rolloutId: rollout }, onDeleted)
        view.end()
        process.stderr.write(`deleted ${what}: ${counted(deleted)}\n`)
        return 0
      } finally {
        view.end()
        await database.close()
      }
    },
    '; the same command continues',
  )
}

async function isAgreed(question: string, ending: AbortSignal): Promise<boolean> {
  if (process.stdin.isTTY) return await saysYes(question, { input: process.stdin, output: process.stderr }, ending)
  throw new Error(`${question.replace(/\? .*/, '')} needs --yes where nobody can be asked`)
}

const errorsOnly: Log = {
  info() {},
  warn() {},
  error({ cause }, message) {
    const why = cause instanceof Error ? `: ${cause.message}` : ''
    process.stderr.write(`${message}${why}\n`)
  },
}
