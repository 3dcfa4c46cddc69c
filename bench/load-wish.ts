import { z } from 'zod'

/** A range of rollouts that were recorded in advance, see `seededId`. */
const seeded = z.object({ seed: z.string(), from: z.number(), count: z.number() })

/** Rollouts that were recorded in advance. */
export type Seeded = z.infer<typeof seeded>

/** A load of some seconds over keep-alive connections. */
export const steadyWish = z.object({
  do: z.literal('steady'),
  /** The ports of the servers on this machine; the connections are spread evenly over them. */
  ports: z.array(z.number()).min(1),
  path: z.string(),
  kind: z.enum(['calls', 'gradings']),
  key: z.string(),
  connections: z.number(),
  /** The longest duration. */
  seconds: z.number(),
  /** The most requests per connection. */
  requests: z.number().optional(),
  /** About how many bytes an item has; a question alone when it is left out. */
  itemBytes: z.number().optional(),
  /** The tool calls, in turn; calls of the bench's own tool when they are left out. ASCII only. */
  calls: z.array(z.object({ name: z.string(), arguments: z.string() })).optional(),
  /** The rollouts to use; new ones when it is left out. */
  rollouts: seeded.optional(),
})

/** Many rollouts at once, each request on a new connection. */
export const burstWish = z.object({
  do: z.literal('burst'),
  port: z.number(),
  key: z.string(),
  rollouts: z.number(),
  /** How many calls each rollout makes in parallel. */
  parallel: z.number(),
  callPath: z.string(),
  gradePath: z.string(),
})

/** A request to the load process. */
export const loadWish = z.discriminatedUnion('do', [steadyWish, burstWish])

/** A load of some seconds. */
export type SteadyWish = z.infer<typeof steadyWish>

/** Many rollouts at once. */
export type BurstWish = z.infer<typeof burstWish>

const counts = z.array(z.tuple([z.number(), z.number()]).readonly()).readonly()

/** The result of a steady load: errors are statuses other than 200 and lost connections. */
export const steadySeen = z.object({ seconds: z.number(), errors: z.number(), counts })

/** The result of a burst, times in milliseconds from its start. */
export const burstSeen = z.object({
  first: z.number(),
  last: z.number(),
  errors: z.number(),
  calls: counts,
  gradings: counts,
})
