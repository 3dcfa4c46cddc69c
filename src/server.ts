import { graders } from '../graders/index.ts'
import { environment } from '../schema/environment.ts'
import { tools } from '../tools/index.ts'
import { startServer } from './server/start-server.ts'

await startServer({ environment, tools, graders, folder: new URL('../', import.meta.url) })
