import { canonical, unpack } from './scoring/written.ts'

/** One recorded tool call of a trajectory. */
export interface TrajectoryCall {
  /** 1, 2, 3 … without gaps. */
  readonly seq: number
  readonly callId: string
  readonly tool: string
  readonly arguments: unknown
  readonly output: string
  /** A grader only sees `ok` and `refused`: a rollout with other calls is ungradable. */
  readonly outcome: 'running' | 'ok' | 'refused' | 'failed'
  readonly code: string | null
  readonly execution: number
  readonly startedAt: Date
  readonly finishedAt: Date | null
}

/** The fields of a recorded call that the scorers read. Only an `ok` call took effect. */
export type ScoredCall = Pick<TrajectoryCall, 'tool' | 'arguments' | 'outcome' | 'output'>

/** A pattern for calls; omitted properties match anything. */
export interface CallPattern {
  readonly tool?: string
  /** Fields that the arguments must have, with their values; other fields do not matter. */
  readonly arguments?: Readonly<Record<string, unknown>>
}

/**
 * Whether a trajectory has a successful call that matches a pattern. Fields are compared as JSON values, in any order of
 * keys; nested objects must be equal. Recorded arguments may be an object or JSON text. Never throws.
 *
 * @example usedTool(trajectory, { arguments: { path: 'ACME/2014/page_15' } }) // was this page read, by any tool?
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
