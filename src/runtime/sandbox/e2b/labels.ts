import { z } from 'zod'
import type { SandboxLabels, SandboxSpec } from '../provider.ts'

/** The limits of a sandbox's commands: the most processes, and the most that each file may hold. */
export type Limits = Pick<SandboxSpec, 'pids' | 'diskMb'>

/** What the service keeps with a sandbox. */
type Metadata = Readonly<Record<string, string>>

const prefix = 'scorekeeper_'
const labelled = z.object({
  scorekeeper_installation: z.string(),
  scorekeeper_rollout: z.string(),
  scorekeeper_name: z.string(),
  scorekeeper_generation: z.string(),
})
const limited = z.object({ scorekeeper_pids: z.coerce.number(), scorekeeper_disk_mb: z.coerce.number() })

/** Labels as metadata. */
export function labelsMetadata(labels: Partial<SandboxLabels>): Metadata {
  return Object.fromEntries(Object.entries(labels).map(([name, value]) => [`${prefix}${name}`, value]))
}

/** Limits as metadata, for processes that did not create the sandbox. */
export function limitsMetadata({ pids, diskMb }: Limits): Metadata {
  return { scorekeeper_pids: String(pids), scorekeeper_disk_mb: String(diskMb) }
}

/** Reads {@link limitsMetadata}. */
export function limitsOf(metadata: Metadata): Limits {
  const { data } = limited.safeParse(metadata)
  return { pids: data?.scorekeeper_pids ?? 256, diskMb: data?.scorekeeper_disk_mb ?? 256 }
}

/** The labels of a sandbox, if it has all of them and carries those that are asked for. */
export function labelsOf(metadata: Metadata, asked: Partial<SandboxLabels>): SandboxLabels | undefined {
  const isAsked = Object.entries(labelsMetadata(asked)).every(([name, value]) => metadata[name] === value)
  const { data } = labelled.safeParse(metadata)
  if (!isAsked || data === undefined) return undefined
  return {
    installation: data.scorekeeper_installation,
    rollout: data.scorekeeper_rollout,
    name: data.scorekeeper_name,
    generation: data.scorekeeper_generation,
  }
}
