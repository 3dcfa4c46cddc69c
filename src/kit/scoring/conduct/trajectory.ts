import type { TrajectoryCall } from '../../trajectory.ts'
import { canonical, unpack } from '../written.ts'

/** The fields of a recorded call that the scorers read. Only an `ok` call has done anything. */
export type ScoredCall = Pick<TrajectoryCall, 'tool' | 'arguments' | 'outcome' | 'output'>

/** Which calls to look for; what is left out may be anything. */
export interface CallPattern {
  readonly tool?: string
  /** Fields that the arguments must have, with the values they must have there; further fields do not matter. */
  readonly arguments?: Readonly<Record<string, unknown>>
}

/**
 * Says whether a trajectory has a successful call of this tool with arguments like these. Fields are compared as JSON
 * values, objects within them as wholes, in any order of keys; arguments may be an object or its JSON text. Never throws.
 *
 * @example usedTool(trajectory, { arguments: { path: 'ACME/2014/page_15' } }) // was this page read, by whatever tool?
 */
export function usedTool(calls: readonly ScoredCall[], pattern: CallPattern): boolean {
  return calls.some(
    (call) =>
      call.outcome === 'ok' &&
      (pattern.tool === undefined || call.tool === pattern.tool) &&
      hasFields(unpack(call.arguments), pattern.arguments ?? {}),
  )
}

function hasFields(value: unknown, wanted: Readonly<Record<string, unknown>>): boolean {
  const fields = new Map(typeof value === 'object' && value !== null ? Object.entries(value) : [])
  return Object.entries(wanted).every(
    ([name, field]) => fields.has(name) && canonical(fields.get(name)) === canonical(field),
  )
}
