import { regradeCommand } from '../src/cli/regrade-command.ts'
import { readEnvironment } from '../src/server/config.ts'
import { numericGrader } from './environment.ts'

// The command `regrade` with the bench's grader.
await regradeCommand({
  env: readEnvironment(),
  graders: [numericGrader],
  jsonGraders: () => [],
  folder: '',
}).parseAsync()
