import { z } from 'zod'

/** The labels as they are stored and sent; see `SandboxLabels`. */
export const labelsSchema = z.object({
  installation: z.string(),
  rollout: z.string(),
  name: z.string(),
  generation: z.string(),
})

const findLabels = z.object({
  installation: z.string(),
  rollout: z.string().exactOptional(),
  name: z.string().exactOptional(),
  generation: z.string().exactOptional(),
})

/** The spec as it is stored and sent; see `SandboxSpec`. */
export const specSchema = z.object({
  template: z.string(),
  network: z.boolean(),
  memoryMb: z.number(),
  pids: z.number(),
  diskMb: z.number(),
  ttlSeconds: z.number(),
})

const bytes = z.custom<Uint8Array>((value) => value instanceof Uint8Array)
const handle = z.string()

const exec = z.object({
  key: z.string(),
  argv: z.array(z.string()).readonly(),
  cwd: z.string().exactOptional(),
  env: z.record(z.string(), z.string()).exactOptional(),
  input: z.union([z.string(), bytes]).exactOptional(),
  timeoutSeconds: z.number(),
  maxOutputBytes: z.number(),
})

/** What the server asks its helper process to do. */
export const operationSchema = z.discriminatedUnion('op', [
  z.object({ op: z.literal('create'), spec: specSchema, labels: labelsSchema }),
  z.object({ op: z.literal('find'), labels: findLabels }),
  z.object({ op: z.literal('exec'), handle, request: exec }),
  z.object({ op: z.literal('read'), handle, path: z.string(), maxBytes: z.number() }),
  z.object({ op: z.literal('write'), handle, path: z.string(), content: bytes }),
  z.object({ op: z.literal('alive'), handle }),
  z.object({ op: z.literal('extend'), handle, ttlSeconds: z.number() }),
  z.object({ op: z.literal('close'), handle }),
])

/** See {@link operationSchema}. */
export type Operation = z.infer<typeof operationSchema>

/** A message to the helper process. */
export const requestSchema = z.union([
  z.object({ id: z.number(), operation: operationSchema }),
  z.object({ cancel: z.number() }),
])

/** The first message from the helper process. */
export const startSchema = z.union([
  z.object({
    ready: z.literal(true),
    /** Why there are no control groups, which limit a sandbox as a whole; absent where there are. */
    noCgroups: z.string().exactOptional(),
  }),
  z.object({ problem: z.string() }),
])

/** A later message from the helper process. */
export const replySchema = z.union([
  z.object({ id: z.number(), value: z.unknown() }),
  z.object({
    id: z.number(),
    code: z.enum(['gone', 'exec_ambiguous', 'unavailable', 'refused']),
    message: z.string(),
  }),
])

/** What the helper process is started with. */
export const helperSettingsSchema = z.object({
  root: z.string(),
  /** The user that the sandboxes belong to, as the server sees it. */
  uid: z.number(),
  /** The user to become when the namespace is prepared; only root can. */
  user: z.object({ uid: z.number(), gid: z.number() }).optional(),
  folders: z.array(z.string()),
  concurrentCommands: z.number(),
})

/** See {@link helperSettingsSchema}. */
export type HelperSettings = z.infer<typeof helperSettingsSchema>
