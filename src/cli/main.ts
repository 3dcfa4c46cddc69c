#!/usr/bin/env node
import { graders } from '../../graders/index.ts'
import { environment } from '../../schema/environment.ts'
import { tools } from '../../tools/index.ts'
import { readVariables } from '../server/config/config.ts'
import { programFiles } from './options.ts'
import { createProgram } from './program.ts'
import { runProgram } from './run-program.ts'

const program = createProgram({
  ...readVariables(),
  environment,
  tools,
  graders,
  folder: new URL('../../', import.meta.url),
  ...programFiles(),
})

await runProgram(program)
