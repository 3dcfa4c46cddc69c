import type { ReadItem } from '../../kit/define.ts'
import type { Agent } from '../simulate/agent.ts'
import type { ToolSources } from './known-tools.ts'
import type { LoadOptions } from './load-check.ts'
import type { Verdict } from './verdict.ts'

/** How a server and a dataset are checked. */
export interface PreflightSettings extends Pick<ToolSources, 'only' | 'calls'> {
  readonly url: string
  /** The header that names the run of this preflight; other servers ignore it. */
  readonly runHeaders: Readonly<Record<string, string>>
  /** The headers that the trainer will send. */
  readonly headers: Readonly<Record<string, string>>
  /** The path of tools below the address, with `{name}` for the name. */
  readonly tools: string
  /** The grader's name, or its path if it begins with `/`; empty for the default one, undefined without a grader. */
  readonly grader: string | undefined
  readonly timeoutSeconds: number
  readonly dataset: string
  readonly validation: string | undefined
  readonly readItem: (item: unknown) => ReadItem<unknown, unknown>
  /** How many calls a rollout may make; undefined if it is not stated. */
  readonly budget: number | undefined
  /** The budget of this project, which applies if the server is a Scorekeeper. */
  readonly ownBudget: number | undefined
  readonly range: readonly [number, number]
  readonly mostForNothing: number
  /** The item's field with the right answer; undefined if it is not stated. */
  readonly reference: string | undefined
  readonly load: Omit<LoadOptions, 'onRequest'>
  /** Which agents play rollouts before the job, and how many. */
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

/** Receives the progress, and answers questions. */
export interface PreflightView {
  onVerdict(verdict: Verdict): void
  /** Called with the maximum number of requests, those that recognized the server included. */
  onPlan(requests: number): void
  /** A long check begins; it has this many steps. */
  onLong(name: string, steps: number): { readonly add: (amount: number) => void; readonly end: () => void }
  /** Whether a load may be sent to a public address. */
  mayLoad(host: string, requests: number): Promise<boolean>
}
