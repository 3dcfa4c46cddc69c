import { z } from 'zod'

/** Rollouts that were recorded before, see `seededId`: those from one number on, so many. */
const seeded = z.object({ seed: z.string(), from: z.number(), count: z.number() })

/** Rollouts that were recorded before. */
export type Seeded = z.infer<typeof seeded>

/** A load of some seconds over connections that are kept. */
export const steadyWish = z.object({
  do: z.literal('steady'),
  /** Where servers listen on this machine: the connections are shared evenly among them. */
  ports: z.array(z.number()).min(1),
  path: z.string(),
  kind: z.enum(['calls', 'gradings']),
  key: z.string(),
  connections: z.number(),
  /** For how long, at most. */
  seconds: z.number(),
  /** How many requests a connection makes at most. */
  requests: z.number().optional(),
  /** The rollouts to ask for; new ones when it is left out. */
  rollouts: seeded.optional(),
})

/** Many rollouts at once, each request over a connection of its own. */
export const burstWish = z.object({
  do: z.literal('burst'),
  port: z.number(),
  key: z.string(),
  rollouts: z.number(),
  /** How many calls each rollout makes at once. */
  parallel: z.number(),
  callPath: z.string(),
  gradePath: z.string(),
})

/** What the load process is asked for. */
export const loadWish = z.discriminatedUnion('do', [steadyWish, burstWish])

/** A load of some seconds. */
export type SteadyWish = z.infer<typeof steadyWish>

/** Many rollouts at once. */
export type BurstWish = z.infer<typeof burstWish>

const counts = z.array(z.tuple([z.number(), z.number()]).readonly()).readonly()

/** What a steady load saw: errors are answers other than 200 and lost connections. */
export const steadySeen = z.object({ seconds: z.number(), errors: z.number(), counts })

/** What a burst saw, times in milliseconds from its begin. */
export const burstSeen = z.object({
  first: z.number(),
  last: z.number(),
  errors: z.number(),
  calls: counts,
  gradings: counts,
})
