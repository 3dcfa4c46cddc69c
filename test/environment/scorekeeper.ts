import { extname } from 'node:path'
import { createProgram } from '../../src/cli/program.ts'
import { runProgram } from '../../src/cli/run-program.ts'
import { readVariables } from '../../src/server/config/config.ts'
import { environment } from './environment.ts'
import { graders } from './graders/index.ts'
import { tools } from './tools/index.ts'

const here = new URL('./', import.meta.url)
const program = createProgram({
  ...readVariables(),
  environment,
  tools,
  graders,
  folder: here,
  server: new URL(`server${extname(import.meta.url)}`, here),
  players: [here],
})

await runProgram(program)
