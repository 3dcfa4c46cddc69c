import { startServer } from '../../src/server/start-server.ts'
import { boxedEnvironment, boxedGraders, boxTool } from './boxed.ts'
import { tools } from './tools.ts'

// A replica whose rollouts may have sandboxes.
await startServer({ environment: boxedEnvironment, tools: [...tools, boxTool], graders: boxedGraders })
