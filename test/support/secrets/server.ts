import { startServer } from '../../../src/server/start-server.ts'
import { environment } from '../../environment/environment.ts'
import { graders } from './graders.ts'
import { tools } from './tools.ts'

await startServer({ environment, tools, graders })
