import { setTimeout as sleep } from 'node:timers/promises'
import { regradeCommand } from '../../../src/cli/ledger/regrade-command.ts'
import { environment } from '../app.ts'
import { graded } from './seeded.ts'

// The command with the tests' graders: the one under test, and a slow version of it that counts how many run at once.
const { PAUSE_MS = '0', ...env } = process.env
let running = 0
let most = 0
const slow: typeof graded = {
  ...graded,
  open(item) {
    const opened = graded.open(item)
    if (!opened.fits) return opened
    return {
      fits: true,
      async run(context) {
        running += 1
        most = Math.max(most, running)
        await sleep(Number(PAUSE_MS))
        running -= 1
        return await opened.run(context)
      },
    }
  },
}
process.on('exit', () => process.stderr.write(`at most ${most} at a time\n`))

const { settings } = environment
await regradeCommand({ env, settings, graders: [slow], jsonGraders: () => [], folder: '' }).parseAsync()
