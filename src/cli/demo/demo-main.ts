import { fileURLToPath } from 'node:url'
import { readVariables } from '../../server/config/config.ts'
import { programFiles } from '../options.ts'
import { runProgram } from '../run-program.ts'
import { demoCommand } from './demo.ts'

// The command `demo` alone, for `npm run demo`: it starts in half the time without the other commands, tools and graders.
const { server, players } = programFiles()
await runProgram(demoCommand({ env: readVariables().env, server: fileURLToPath(server), players }))
