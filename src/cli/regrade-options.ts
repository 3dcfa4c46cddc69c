import { Command, InvalidArgumentError } from 'commander'
import { z } from 'zod'
import type { RegradingFilter } from '../ledger/reports/regrading-filter.ts'
import { conditions, itemHash, timestamp } from './rollout-options.ts'

const whole = (most: number) => (text: string) => {
  const value = Number(text)
  if (/^\d{1,9}$/.test(text) && value >= 1 && value <= most) return value
  throw new InvalidArgumentError(`It must be a whole number from 1 to ${most}.`)
}

const shape = z.object({
  grader: z.string().optional(),
  since: z.date().optional(),
  until: z.date().optional(),
  item: z.string().optional(),
  where: z.array(z.custom<NonNullable<RegradingFilter['conditions']>[number]>()).default([]),
  limit: z.number().optional(),
  concurrency: z.number(),
  movers: z.number(),
  json: z.boolean().default(false),
  csv: z.string().optional(),
  page: z.string().optional(),
  dryRun: z.boolean().default(false),
})

/** What the command was told. */
export type RegradeOptions = Omit<z.infer<typeof shape>, 'since' | 'until' | 'item' | 'where' | 'limit'> & {
  readonly filter: RegradingFilter
}

const examples = `
Examples:
  npm run regrade -- --grader finqa
  npm run regrade -- --grader finqa --since 7d --page regrade.html
  npm run regrade -- --grader finqa --where "score < 0.5 and tool = search" --limit 500 --csv regrade.csv
  npm run regrade -- --grader finqa --where outcome=failed --dry-run

Cut short, the same command goes on where it was. See docs/regrading.md.
`

/** The options of the command, and what is done with them. */
export function commandWith(act: (options: RegradeOptions) => Promise<void>): Command {
  return new Command('regrade')
    .summary('grade the recorded rollouts again by today’s code, and see what changed')
    .description(
      'Grades the recorded rollouts again by today’s code of a grader and shows what changed. The gradings are recorded ' +
        'beside those that the trainer was sent, which stay as they are.',
    )
    .option('--grader <name>', 'the grader (default: the first of the list)')
    .option('--since <time>', 'rollouts graded since: 2026-11-01, or 7d for seven days ago', timestamp)
    .option('--until <time>', 'rollouts graded before', timestamp)
    .option('--item <hash>', 'rollouts of one item, by its hash or the first digits of it', itemHash)
    .option('--where <conditions>', 'such as "score < 0.5 and tool = search"; all of several hold', conditions)
    .option('--limit <n>', 'the first so many, the oldest first', whole(999_999_999))
    .option('--concurrency <n>', 'how many are graded at a time', whole(1_000), 32)
    .option('--movers <n>', 'how many of those that changed most are shown', whole(1_000), 10)
    .option('--json', 'print the report as JSON')
    .option('--csv <file>', 'write a row a rollout')
    .option('--page <file>', 'write the report as a page of HTML')
    .option('--dry-run', 'say how many would be graded, and grade none')
    .addHelpText('after', examples)
    .action(async (given: unknown) => {
      const { since, until, item, where, limit, ...options } = shape.parse(given)
      await act({ ...options, filter: { since, until, item, conditions: where, limit } })
    })
}
