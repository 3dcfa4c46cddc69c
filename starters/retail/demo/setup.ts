import type { SetUpDemo } from '../../../src/cli/demo/demo.ts'
import { startMailServer } from './mail-server.ts'

/** The mail service that the demo's server sends to. */
export const setup: SetUpDemo = async () => {
  const mails = await startMailServer()
  return { env: { MAIL_URL: mails.url }, close: mails.close }
}
