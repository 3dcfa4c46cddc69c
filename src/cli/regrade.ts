import { graders } from '../../graders/index.ts'
import { readEnvironment } from '../config.ts'
import { readJsonGraders } from '../json-graders/read-json-graders.ts'
import { regradeCommand } from './regrade-command.ts'

const jsonGraders = () => readJsonGraders(new URL('../../graders/', import.meta.url))

await regradeCommand({ env: readEnvironment(), graders, jsonGraders }).parseAsync()
