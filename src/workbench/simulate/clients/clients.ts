import { mcp } from './mcp.ts'
import { nemoGym, verifiers } from './nemo-gym.ts'
import { ors, submitToolOf } from './ors.ts'
import type { TrainerWire } from './trainer-wire.ts'

/** The protocols that a simulation can play, by the names of the wires. */
export const trainerWires = ['agent-rft', 'nemo-gym', 'verifiers', 'ors', 'mcp'] as const

/** The name of a protocol that a simulation can play. */
export type TrainerWireName = (typeof trainerWires)[number]

/** Where a wire is. */
export interface WireAddress {
  /** The server's address. */
  readonly url: string
  /** The path of the wire there; by default its name. Empty on a port of its own. */
  readonly path?: string | undefined
  readonly headers: Readonly<Record<string, string>>
  /** The split of a server's dataset of which the items are the first rows. */
  readonly split?: string | undefined
}

/**
 * The client of a protocol for a server; undefined for Agent RFT, which is the default.
 *
 * @throws Error if the server offers nothing that submits an answer where the protocol needs it.
 */
export async function trainerWireOf(
  name: TrainerWireName,
  { url, path = `/${name}`, headers, split }: WireAddress,
): Promise<TrainerWire | undefined> {
  const base = url.replace(/\/+$/, '') + path.replace(/\/+$/, '')
  switch (name) {
    case 'agent-rft':
      return undefined
    case 'nemo-gym':
      return nemoGym(base)
    case 'verifiers':
      return verifiers(base)
    case 'ors':
      return ors({ base, split, submit: await submitToolOf(base, headers) })
    case 'mcp':
      return mcp(base)
  }
}
