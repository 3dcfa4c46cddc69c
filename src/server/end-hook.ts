import type { Hooks } from '../kit/hooks.ts'
import { type EndedAttempt, unreleasedText } from '../ledger/ending.ts'
import type { ServerDatabase } from '../postgres/open-database.ts'
import { createRowScope } from '../postgres/scoped-db.ts'

/** What {@link createEndHook} needs. */
export interface EndHookSettings {
  readonly hooks: Hooks | undefined
  readonly database: Pick<ServerDatabase, 'db' | 'rolloutTables'>
}

/** The environment's `end` as the ender runs it; undefined if there is none. */
export function createEndHook({ hooks, database }: EndHookSettings) {
  const end = hooks?.end
  if (end === undefined) return undefined
  const rows = createRowScope(database.db, database.rolloutTables)
  return async ({ run, rolloutId, attempt, number, outcome }: EndedAttempt, signal: AbortSignal): Promise<void> => {
    const rollout = { run, id: rolloutId, attempt, number }
    await end({ db: rows?.of(number, unreleasedText({ run, number })) ?? database.db, rollout, outcome, signal })
  }
}
