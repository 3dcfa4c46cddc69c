import { exitCodes, runProgram } from '../../src/cli/run-program.ts'
import { readEnvironment } from '../../src/server/config.ts'
import { corpusCommand } from './command.ts'

// What calls npm run corpus has always read 1 as "no".
await runProgram(corpusCommand(readEnvironment()), exitCodes.failed)
