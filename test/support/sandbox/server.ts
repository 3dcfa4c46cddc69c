import { startServer } from '../../../src/server/start-server.ts'
import { environment, inSandbox, shell } from './shell.ts'

// A server whose rollouts have sandboxes.
await startServer({ environment, tools: [shell], graders: [inSandbox] })
