import { exitCodes, runProgram } from './run-program.ts'
import { tokenCommand } from './token-command.ts'

// Scripts that call npm run token expect 1 for wrong usage.
await runProgram(tokenCommand(process.env), exitCodes.failed)
