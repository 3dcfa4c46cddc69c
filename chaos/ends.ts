import { setTimeout as sleep } from 'node:timers/promises'
import { createLog } from '../src/base/log.ts'
import { createEnder } from '../src/core/end.ts'
import { createLedger } from '../src/ledger/ledger.ts'
import { openDatabase } from '../src/postgres/database.ts'
import { createEndHook } from '../src/server/end-hook.ts'
import type { Cluster } from './postgres.ts'
import type { BoxWatch } from './sandboxes/watch.ts'
import { environment } from './served/environment.ts'
import { rolloutTables } from './tables.ts'

/** The ways in which the harness ends rollouts. Each is tried again until it succeeds, or until `close`. */
export interface Ends {
  /** Ends the open attempt of a rollout by the verb. */
  end(run: string, rolloutId: string): Promise<void>
  /** Deletes a run with everything in it. */
  deleteRun(run: string): Promise<void>
  /** Lets the time pass after which a rollout, or every one, is due: the replicas end it. */
  age(run?: string, rolloutId?: string): Promise<void>
  close(): Promise<void>
}

/** Opens the verb "end" in this process, as one more replica on the database at `url`. */
export function openEnds(cluster: Cluster, url: string, prepare: boolean, boxes?: BoxWatch): Ends {
  const database = openDatabase({ url, poolSize: 8, prepare, silence: { sql: 15, db: 30 } })
  const closing = new AbortController()
  const sandboxes = boxes?.sandboxesOf(database.sql, closing.signal)
  const ender = createEnder({
    ledger: createLedger({ ...database, budget: undefined, tables: rolloutTables, now: Date.now }),
    log: createLog('silent'),
    hook: createEndHook({ hooks: environment.hooks(), database: { ...database, rolloutTables } }),
    hasRows: true,
    closeSandboxes: sandboxes?.end,
    waitSeconds: 5,
    leaseSeconds: 3,
    stopping: closing.signal,
  })
  const persist = async (work: () => Promise<unknown>) => {
    while (!closing.signal.aborted) {
      try {
        await work()
        return
      } catch {
        await sleep(300)
      }
    }
  }
  return {
    end: (run, rolloutId) => persist(() => ender.end({ run, rolloutId })),
    deleteRun: (run) => persist(() => ender.deleteRun(run)),
    age: (run = '', rolloutId = '') =>
      persist(() =>
        cluster.asking(
          (sql) => sql`
            with due as (
              update rollouts set due_at = now() - interval '1 second'
              where ended_at is null and ${run} in ('', run) and ${rolloutId} in ('', id) returning run, number)
            update tool_calls t set finished_at = t.finished_at - interval '1 day' from due
            where t.run = due.run and t.rollout = due.number`,
        ),
      ),
    async close() {
      closing.abort(new Error('the run is over'))
      await database.close()
    },
  }
}
