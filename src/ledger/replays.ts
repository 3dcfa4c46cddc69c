import type { Sql } from 'postgres'
import { execute } from './statement.ts'

/** Counts the answers that came from the ledger, apart from the rollouts' own rows, which are written often enough. */
export interface ReplayCounter {
  /** Counts one replayed call or grading of an attempt. It is stored within about a second, or lost with the process. */
  add(of: { readonly run: string; readonly number: number }, kind: 'calls' | 'gradings'): void
  /** Stores what is counted; never rejects. */
  flush(): Promise<void>
}

interface Counted {
  calls: number
  gradings: number
}

/**
 * The text of the statement that adds counts. `$2` is the run of every row that it visits. The lock keeps the attempts from
 * being deleted meanwhile: a count of one that is deleted would stay for ever.
 */
export const replaysText = `
  insert into replays as r (run, rollout, calls, gradings)
  select $2::text, i.rollout, i.calls, i.gradings
  from jsonb_to_recordset($1::text::jsonb) as i(rollout int8, calls int, gradings int)
  cross join lateral (
    select from rollouts o where o.run = $2::text and o.number = i.rollout for key share) as existing
  order by i.rollout
  on conflict (run, rollout) do update set calls = r.calls + excluded.calls, gradings = r.gradings + excluded.gradings`

/** The most attempts whose replays wait to be stored: further ones are not counted while the database is unavailable. */
const mostWaiting = 100_000

/** Creates the counter, which stores its counts every `everySeconds`. */
export function createReplayCounter(sql: Sql, everySeconds = 1): ReplayCounter {
  /** By run, then by the attempt's number. */
  let counts = new Map<string, Map<number, Counted>>()
  let timer: NodeJS.Timeout | undefined
  let waiting = 0

  const flush = async (): Promise<void> => {
    clearTimeout(timer)
    timer = undefined
    const stored = counts
    counts = new Map()
    waiting = 0
    for (const [run, rollouts] of stored) {
      const rows = [...rollouts].map(([rollout, counted]) => ({ rollout, ...counted }))
      // A count that is lost while the database is unavailable misleads nobody: it is for people to look at.
      await execute(sql, { text: replaysText, values: [JSON.stringify(rows), run] }).catch(() => undefined)
    }
  }

  return {
    flush,
    add({ run, number }, kind) {
      if (waiting >= mostWaiting) return
      const rollouts = counts.get(run) ?? new Map<number, Counted>()
      const counted = rollouts.get(number) ?? { calls: 0, gradings: 0 }
      if (!rollouts.has(number)) waiting += 1
      counted[kind] += 1
      counts.set(run, rollouts.set(number, counted))
      timer ??= setTimeout(() => void flush(), everySeconds * 1000).unref()
    },
  }
}
