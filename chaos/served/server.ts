import { startServer } from '../../src/server/start-server.ts'
import { environment } from './environment.ts'
import { graders } from './graders.ts'
import { tools } from './tools.ts'

// A replica: the real server with the harness's environment.
await startServer({ environment, tools, graders })
