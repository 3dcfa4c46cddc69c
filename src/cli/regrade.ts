import { graders } from '../../graders/index.ts'
import { readJsonGraders } from '../runtime/openai-graders/read-json-graders.ts'
import { readEnvironment } from '../server/config.ts'
import { regradeCommand } from './regrade-command.ts'

const jsonGraders = () => readJsonGraders(new URL('../../graders/', import.meta.url))

await regradeCommand({ env: readEnvironment(), graders, jsonGraders }).parseAsync()
