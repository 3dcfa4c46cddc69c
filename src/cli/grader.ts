import { graders } from '../../graders/index.ts'
import { tools } from '../../tools/index.ts'
import { readJsonGraders } from '../runtime/openai-graders/read-json-graders.ts'
import { readEnvironment } from '../server/config.ts'
import { graderCommand } from './grader-command.ts'
import { runProgram } from './run-program.ts'

const jsonGraders = () => readJsonGraders(new URL('../../graders/', import.meta.url))

await runProgram(graderCommand({ env: readEnvironment(), graders, tools, jsonGraders }))
