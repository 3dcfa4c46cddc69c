import { serveStdio } from '@modelcontextprotocol/server/stdio'
import { createLetterServer } from './letter-server.ts'

serveStdio(() => createLetterServer({ sent: [] }))
