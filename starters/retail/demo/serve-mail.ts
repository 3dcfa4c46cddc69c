import { startMailServer } from './mail-server.ts'

// The mail service where MAIL_URL points by default, for `npm run dev`, `simulate --serve` and `learn --serve`.
const { url } = await startMailServer(8025)
process.stdout.write(`mail service at ${url}; Ctrl-C ends it\n`)
