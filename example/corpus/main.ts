import { exitCodes, runProgram } from '../../src/cli/run-program.ts'
import { readEnvironment } from '../../src/server/config/config.ts'
import { corpusCommand } from './command.ts'

// Scripts that call `npm run corpus` rely on exit code 1 for wrong usage.
await runProgram(corpusCommand(readEnvironment()), exitCodes.failed)
