import { startServer } from '../../../src/server/start-server.ts'
import { environment, graders, tools } from './environment.ts'

await startServer({ environment, tools, graders })
