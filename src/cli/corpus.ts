import { readEnvironment } from '../config.ts'
import { corpusCommand } from './corpus-command.ts'
import { exitCodes, runProgram } from './run-program.ts'

// What calls npm run corpus has always read 1 as "no".
await runProgram(corpusCommand(readEnvironment()), exitCodes.failed)
