import type { Sql } from 'postgres'
import { timestampText } from '../reports/exported-subjects.ts'
import { execute } from '../statement.ts'
import { type Folded, type FoldOptions, foldTurn } from './fold.ts'

/** After how many seconds without a turn another replica takes over. */
const leaseSeconds = 20

/**
 * Creates the function that folds like {@link foldTurn} for as long as no other replica does: the replica that folded last goes
 * on, and the others get `busy` until it has not folded for some seconds. So what is true of the whole database is reported
 * by one replica.
 */
export function createFolder(sql: Sql, options: FoldOptions = {}, seconds = leaseSeconds): () => Promise<Folded> {
  let own: string | undefined
  return async () => {
    const latest = await readLatestTurn(sql)
    if (latest !== undefined && latest.at !== own && latest.seconds < seconds) return 'busy'
    const folded = await foldTurn(sql, options)
    if (folded !== 'busy') own = (await readLatestTurn(sql))?.at
    return folded
  }
}

/** When any replica folded last, and how many seconds ago. */
async function readLatestTurn(sql: Sql): Promise<{ readonly at: string; readonly seconds: number } | undefined> {
  const text = `
    select ${timestampText('folded_at')} as at, extract(epoch from now() - folded_at)::float8 as seconds from rollup_cursor`
  const [row] = await execute<{ at: string; seconds: number }>(sql, { text, values: [] })
  return row
}
