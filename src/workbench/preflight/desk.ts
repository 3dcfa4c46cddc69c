import type { DatasetItem } from '../simulate/agent.ts'
import type { Verdict } from './verdict.ts'
import type { Wire } from './wire.ts'

/** A tool that is called in the checks. */
export interface KnownTool {
  readonly name: string
  /** The JSON Schema of its arguments; undefined where nobody says. */
  readonly parameters: unknown
  /** What it is called with. */
  readonly arguments: unknown
}

/** What the checks have before them. */
export interface Desk {
  readonly wire: Wire
  /** The first rows of the dataset, one at least. */
  readonly items: readonly [DatasetItem, ...DatasetItem[]]
  /** At least one. */
  readonly tools: readonly [KnownTool, ...KnownTool[]]
  /** The headers that the trainer will send; without any, nobody is told apart. */
  readonly headers: Readonly<Record<string, string>>
  /** Whether the server says that it is a Scorekeeper, which promises more than the wire asks for. */
  readonly isScorekeeper: boolean
  /** Whether the address is on the public internet. */
  readonly isPublic: boolean
  readonly signal: AbortSignal
}

/** A check, or several that go together. */
export interface Check {
  readonly name: string
  /** The most requests that it sends. */
  readonly requests: number
  /** How many steps it tells of on its way; undefined where it is quick. */
  readonly steps?: number
  run(): Promise<readonly Verdict[]>
}

/** The first of what is wrong, and how much more there is; undefined where nothing is. */
export function firstOf(problems: readonly string[]): string | undefined {
  const [first] = problems
  return problems.length > 1 ? `${first} (and ${problems.length - 1} more)` : first
}
