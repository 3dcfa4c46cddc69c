import { regradeCommand } from '../src/cli/ledger/regrade-command.ts'
import { readEnvironment } from '../src/server/config/config.ts'
import { environment, numericGrader } from './environment.ts'

// The command `regrade` with the bench's grader.
const { settings } = environment
await regradeCommand({
  env: readEnvironment(),
  settings,
  graders: [numericGrader],
  jsonGraders: () => [],
  folder: '',
}).parseAsync()
