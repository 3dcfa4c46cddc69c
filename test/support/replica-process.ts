import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { sql as query } from 'drizzle-orm'
import { z } from 'zod'
import { defaultLimits } from '../../src/base/limits.ts'
import { createLog } from '../../src/base/log.ts'
import { openDatabase } from '../../src/postgres/database.ts'
import { isMigrated } from '../../src/postgres/migrate.ts'
import { createApp } from '../../src/server/app.ts'
import { anonymous } from '../../src/server/auth/principal.ts'
import { serve } from '../../src/server/http/serve.ts'
import { defineTool } from './app.ts'

// A replica with a tool of each kind, served and stopped like the server. The first execution of the external one does not
// end until it is aborted.
const { url, drainSeconds, drainDelaySeconds } = z
  .object({ url: z.string(), drainSeconds: z.coerce.number(), drainDelaySeconds: z.coerce.number() })
  .parse({
    url: process.env['DATABASE_URL'],
    drainSeconds: process.env['DRAIN_SECONDS'],
    drainDelaySeconds: process.env['DRAIN_DELAY_SECONDS'] ?? '0',
  })

const head = { description: 'Does it.', input: z.object({}) }
const tools = [
  defineTool({ ...head, name: 'read', effects: 'none', run: () => sleep(20).then(() => 'read') }),
  defineTool({
    ...{ ...head, name: 'write' },
    effects: 'database',
    async run({ tx, rolloutId }) {
      await tx.execute(query`insert into effects values (${rolloutId}, 1)`)
      return 'written'
    },
  }),
  defineTool({
    ...{ ...head, name: 'act' },
    effects: 'external',
    async run({ db, rolloutId, execution, signal }) {
      await db.execute(query`insert into effects values (${rolloutId}, ${execution}::int)`)
      if (execution === 1) await once(signal, 'abort')
      signal.throwIfAborted()
      return `execution ${execution}`
    },
  }),
]

const log = createLog('info')
const database = openDatabase({ url, poolSize: 5, silence: { sql: 15, db: 70 } })
const stop = serve({
  ...{ host: '127.0.0.1', port: 0, drainSeconds, drainDelaySeconds, limits: defaultLimits, log },
  makeApp: (life) =>
    createApp({
      ...{ ...life, database, tools, graders: [], budget: undefined, log, limits: defaultLimits, version: 'test' },
      authenticate: async () => anonymous,
      isMigrated: () => isMigrated(database.sql),
    }),
  onListening: (port) => log.info({ url: `http://127.0.0.1:${port}` }, 'listening on that address'),
  onError: () => process.exit(1),
})
process.once('SIGTERM', async () => {
  await stop()
  await database.close()
  process.exit(0)
})
