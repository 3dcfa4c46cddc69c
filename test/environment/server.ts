import { startServer } from '../../src/server/start-server.ts'
import { environment } from './environment.ts'
import { graders } from './graders/index.ts'
import { tools } from './tools/index.ts'

await startServer({ environment, tools, graders, folder: new URL('./', import.meta.url) })
