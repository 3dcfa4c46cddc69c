import { createLog } from '../../src/base/log.ts'
import { openServerDatabase } from '../../src/postgres/open-database.ts'
import { createApp } from '../../src/server/app.ts'
import { createAuthenticator } from '../../src/server/auth/authenticate.ts'
import { loadConfig, readEnvironment } from '../../src/server/config/config.ts'
import { serve } from '../../src/server/http/serve.ts'
import { tools } from '../../tools/index.ts'

// The server with the example's tools. The first line that it prints is its port.
const config = loadConfig(readEnvironment())
const database = await openServerDatabase(config)
const authenticate = createAuthenticator(config.auth)
const log = createLog('error')

const drain = serve({
  ...config,
  host: '127.0.0.1',
  port: 0,
  log,
  makeApp: (life) => {
    const deps = {
      database,
      tools,
      graders: [],
      budget: 10,
      authenticate,
      log,
      limits: config.limits,
      version: 'bench',
    }
    return createApp({ ...life, ...deps, isMigrated: async () => true })
  },
  onListening: (port) => process.stdout.write(`${port}\n`),
  onError(error) {
    throw error
  },
})
process.once('SIGTERM', async () => {
  await drain()
  await database.close()
  process.exit(0)
})
