import { exitCodes, runProgram } from './run-program.ts'
import { tokenCommand } from './token-command.ts'

// What calls npm run token has always read 1 as "no".
await runProgram(tokenCommand(process.env), exitCodes.failed)
