import { z } from 'zod'

/** What the load process is asked for. */
export const loadWish = z.object({
  /** Where servers listen on this machine. */
  ports: z.array(z.number()).min(1),
  path: z.string(),
  kind: z.enum(['calls', 'gradings']),
  key: z.string(),
  connections: z.number(),
  /** For how long, at most. */
  seconds: z.number(),
  /** How many requests a connection makes at most. */
  requests: z.number().optional(),
  rollouts: z.array(z.string()).optional(),
})

/** What the load process is asked for. */
export type LoadWish = z.infer<typeof loadWish>

/** What the load process saw: errors are answers other than 200 and lost connections. */
export const loadSeen = z.object({
  seconds: z.number(),
  errors: z.number(),
  counts: z.array(z.tuple([z.number(), z.number()])),
})
