import { parseArgs } from 'node:util'
import { z } from 'zod'

/** The options of a run. */
export interface ChaosOptions {
  /** How long faults are injected. */
  readonly minutes: number
  /** Seeds the schedule of faults and the plans of the rollouts; the same seed gives the same run. */
  readonly seed: string
  /** Server processes, 2 or more. */
  readonly replicas: number
  /** How many rollouts start together. */
  readonly burst: number
  /** Whether the replicas connect through a PgBouncer in transaction mode. */
  readonly pgbouncer: boolean
  /** Whether a part of the rollouts use sandboxes, which are broken too. */
  readonly sandboxes: boolean
}

/** The usage text. */
export const usage = `npm run chaos -- [--minutes N] [--seed S] [--replicas N] [--burst N] [--pgbouncer] [--sandboxes]

  --minutes N    how long faults are injected (1)
  --seed S       seeds the schedule; the same seed and minutes inject the same faults at the same times (1)
  --replicas N   server processes (3)
  --burst N      rollouts that start together (500)
  --pgbouncer    connects through a PgBouncer in transaction mode; the program must be on the PATH
  --sandboxes    gives a part of the rollouts a sandbox, and breaks those too; needs bubblewrap`

const options = z.object({
  minutes: z.coerce.number('must be a number').positive().max(1_440).default(1),
  seed: z.string().min(1).default('1'),
  replicas: z.coerce.number('must be a number').int().min(2).max(16).default(3),
  burst: z.coerce.number('must be a number').int().min(1).max(5_000).default(500),
  pgbouncer: z.boolean().default(false),
  sandboxes: z.boolean().default(false),
})

/** Parses the command line. Throws an Error that says what is wrong with it. */
export function readOptions(args: readonly string[]): ChaosOptions {
  const text = { type: 'string' } as const
  const flag = { type: 'boolean' } as const
  const known = { minutes: text, seed: text, replicas: text, burst: text, pgbouncer: flag, sandboxes: flag } as const
  const { values } = parseArgs({ args: [...args], options: known })
  const read = options.safeParse(values)
  if (read.success) return read.data
  throw new Error(read.error.issues.map(({ path, message }) => `--${path.join('.')}: ${message}`).join('\n'))
}
