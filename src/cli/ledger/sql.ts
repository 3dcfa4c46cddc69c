import { readEnvironment } from '../../server/config/config.ts'
import { runProgram } from '../run-program.ts'
import { sqlCommand } from './sql-command.ts'

await runProgram(sqlCommand(readEnvironment()))
