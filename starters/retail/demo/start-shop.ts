import { toolsWithSettings } from '../../../src/kit/define-tool.ts'
import { prepareRolloutTables } from '../../../src/postgres/roles.ts'
import { graders } from '../graders/index.ts'
import { environment } from '../schema/environment.ts'
import { tools } from '../tools/index.ts'
import { startMailServer } from './mail-server.ts'

/** Starts a mail server and prepares a migrated database for the shop: what an app of the shop needs in a test. */
export async function startShop(databaseUrl: string) {
  const mails = await startMailServer()
  const settings = { env: { MAIL_URL: mails.url }, hidden: [] }
  const deps = {
    tools: toolsWithSettings(tools, settings),
    graders,
    budget: environment.budget,
    hooks: environment.hooks(settings),
    rolloutTables: await prepareRolloutTables(databaseUrl),
  }
  return { deps, mails }
}
