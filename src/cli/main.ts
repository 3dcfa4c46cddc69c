#!/usr/bin/env node
import { extname } from 'node:path'
import { graders } from '../../graders/index.ts'
import { environment } from '../../schema/environment.ts'
import { tools } from '../../tools/index.ts'
import { readVariables } from '../server/config.ts'
import { createProgram } from './program.ts'
import { runProgram } from './run-program.ts'

const program = createProgram({
  ...readVariables(),
  environment,
  tools,
  graders,
  folder: new URL('../../', import.meta.url),
  server: new URL(`../server${extname(import.meta.url)}`, import.meta.url),
  players: [new URL('../../demo/', import.meta.url), new URL('../../example/', import.meta.url)],
})

await runProgram(program)
