import type { Sql } from 'postgres'
import { isMigrated } from '../../postgres/migrate.ts'
import { openServerDatabase } from '../../postgres/open-database.ts'
import { loadConfig } from '../../server/config/config.ts'

/**
 * Runs work that only reads the server's database, or changes single rows, and closes the database. It applies no
 * migrations, because replicas of an older build may be using the database.
 *
 * @throws Error that says what to do if the database has no tables of this version.
 */
export async function withServerDatabase<Result>(
  env: NodeJS.ProcessEnv,
  work: (sql: Sql) => Promise<Result>,
): Promise<Result> {
  const database = await openServerDatabase({ ...loadConfig(env), poolSize: 1, migrates: false })
  try {
    if (await isMigrated(database.sql)) return await work(database.sql)
    throw new Error(
      `${database.where} does not have the tables of this version; start the server, or run scorekeeper migrate`,
    )
  } finally {
    await database.close()
  }
}
