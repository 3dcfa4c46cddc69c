import { Command, type CommandUnknownOpts, InvalidArgumentError } from '@commander-js/extra-typings'
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

/** The options of the command. */
export type RegradeOptions = Omit<z.infer<typeof shape>, 'since' | 'until' | 'item' | 'where' | 'limit'> & {
  readonly filter: RegradingFilter
}

const examples = `
Examples:
  npm run regrade -- --grader finqa
  npm run regrade -- --grader finqa --since 7d --page regrade.html
  npm run regrade -- --grader finqa --where "score < 0.5 and tool = search" --limit 500 --csv regrade.csv
  npm run regrade -- --grader finqa --where outcome=failed --dry-run

After an interruption the same command resumes. See docs/regrading.md.
`

/** The command with its options; `act` gets them. */
export function commandWith(act: (options: RegradeOptions) => Promise<void>): CommandUnknownOpts {
  return new Command('regrade')
    .summary('re-grade recorded rollouts with today’s code, and see what changed')
    .description(
      'Re-grades recorded rollouts with today’s code of a grader and shows what changed. The new gradings are recorded ' +
        'in addition to those that the trainer received, which do not change.',
    )
    .option('--grader <name>', 'the grader (default: the first of the list)')
    .option('--since <time>', 'rollouts graded since then: 2026-11-01, or 7d for seven days ago', timestamp)
    .option('--until <time>', 'rollouts graded before then', timestamp)
    .option('--item <hash>', 'rollouts of one item, by its hash or the first digits of the hash', itemHash)
    .option('--where <conditions>', 'such as "score < 0.5 and tool = search"; repeatable, all must hold', conditions)
    .option('--limit <n>', 'the oldest rollouts, this many', whole(999_999_999))
    .option('--concurrency <n>', 'the most gradings at the same time', whole(1_000), 32)
    .option('--movers <n>', 'the largest changes to show, this many', whole(1_000), 10)
    .option('--json', 'print the report as JSON')
    .option('--csv <file>', 'write one row per rollout')
    .option('--page <file>', 'write the report as a page of HTML')
    .option('--dry-run', 'count what would be graded, without grading')
    .addHelpText('after', examples)
    .action(async (given: unknown) => {
      const { since, until, item, where, limit, ...options } = shape.parse(given)
      await act({ ...options, filter: { since, until, item, conditions: where, limit } })
    })
}
