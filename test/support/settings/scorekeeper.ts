import { extname } from 'node:path'
import { createProgram } from '../../../src/cli/program.ts'
import { runProgram } from '../../../src/cli/run-program.ts'
import { readVariables } from '../../../src/server/config/config.ts'
import { environment, graders, tools } from './environment.ts'

const program = createProgram({
  ...readVariables(),
  environment,
  tools,
  graders,
  folder: new URL('./', import.meta.url),
  server: new URL(`./server${extname(import.meta.url)}`, import.meta.url),
  players: [],
})
await runProgram(program)
