import type { ReadItem } from '../../kit/define.ts'
import type { Agent } from '../simulate/agent.ts'
import type { LoadOptions } from './load-check.ts'
import type { ToolSources } from './tools.ts'
import type { Verdict } from './verdict.ts'

/** What a server and a dataset are checked by. */
export interface PreflightSettings extends Pick<ToolSources, 'only' | 'calls'> {
  readonly url: string
  /** The headers that the trainer will send. */
  readonly headers: Readonly<Record<string, string>>
  /** Where tools are below the address, `{name}` for the name. */
  readonly tools: string
  /** The grader's name; empty for the default one. */
  readonly grader: string
  readonly timeoutSeconds: number
  readonly dataset: string
  readonly validation: string | undefined
  readonly readItem: (item: unknown) => ReadItem<unknown, unknown>
  /** How many calls a rollout may make; undefined where it was not said. */
  readonly budget: number | undefined
  /** The budget of this folder, which holds where the server is a Scorekeeper. */
  readonly ownBudget: number | undefined
  readonly range: readonly [number, number]
  readonly mostForNothing: number
  /** The item's field that says what is right; undefined where it was not said. */
  readonly reference: string | undefined
  readonly load: Omit<LoadOptions, 'onRequest'>
  /** Who plays a few rollouts beforehand, and how many. */
  readonly baseline: {
    readonly agents: readonly Agent[]
    readonly items: number
    readonly group: number
    readonly maxSteps: number
    readonly seed: string
  }
  /** Whether a host is on the public internet. */
  readonly isPublicHost: (hostname: string) => Promise<boolean>
  readonly signal: AbortSignal
}

/** Who is told how it goes, and asked. */
export interface PreflightView {
  onVerdict(verdict: Verdict): void
  /** Told how many requests will be sent at most, before the first of them, the two aside that ask who the server is. */
  onPlan(requests: number): void
  /** A check begins that takes long, in so many steps. */
  onLong(name: string, steps: number): { readonly add: (amount: number) => void; readonly end: () => void }
  /** Whether a public address may be pressed so hard. */
  mayPress(host: string, requests: number): Promise<boolean>
}
