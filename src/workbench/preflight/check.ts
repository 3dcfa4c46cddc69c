import type { DatasetItem } from '../simulate/agent.ts'
import type { Verdict } from './verdict.ts'
import type { Wire } from './wire.ts'

/** A tool that the checks call. */
export interface KnownTool {
  readonly name: string
  /** The JSON Schema of its arguments; undefined if it is not known. */
  readonly parameters: unknown
  /** The arguments that it is called with. */
  readonly arguments: unknown
  /** Whether a call with these arguments succeeded; undefined if that was not tried. */
  readonly isOk?: boolean | undefined
}

/** What every check works with. */
export interface CheckContext {
  readonly wire: Wire
  /** The first rows of the dataset. */
  readonly items: readonly [DatasetItem, ...DatasetItem[]]
  readonly tools: readonly [KnownTool, ...KnownTool[]]
  /** The headers that the trainer will send; without any, callers cannot be distinguished. */
  readonly headers: Readonly<Record<string, string>>
  /** Whether the server says that it is a Scorekeeper, which promises more than the wire requires. */
  readonly isScorekeeper: boolean
  /** Whether the server has a grader at the address that was given. */
  readonly hasGrader: boolean
  /** Whether the address is on the public internet. */
  readonly isPublic: boolean
  readonly signal: AbortSignal
}

/** One check, or several that belong together. */
export interface Check {
  readonly name: string
  /** The maximum number of requests that it sends. */
  readonly requests: number
  /** The number of steps whose progress it reports; undefined if it is quick. */
  readonly steps?: number
  run(): Promise<readonly Verdict[]>
}

/** The first of several problems, and how many more there are; undefined without problems. */
export function firstOf(problems: readonly string[]): string | undefined {
  const [first] = problems
  return problems.length > 1 ? `${first} (and ${problems.length - 1} more)` : first
}
