import type { PostgresJsDatabase } from 'drizzle-orm/postgres-js'
import type { z } from 'zod'
import { describeIssues, hidingValues } from '../base/issues.ts'

/** The database, through drizzle; each statement is its own transaction. */
export type Db = PostgresJsDatabase

/** The transaction that commits a tool's writes together with its state and its record. */
export type Tx = Parameters<Parameters<Db['transaction']>[0]>[0]

/** Embeds texts: one vector per text, in the same order. Throws if the endpoint does not answer. */
export type Embed = (texts: readonly string[], signal?: AbortSignal) => Promise<number[][]>

/** The settings of an environment that declares none. */
export type NoSettings = Readonly<Record<string, never>>

/** The definition of an environment. */
export interface EnvironmentSpec<Task, Reference, State, Settings = NoSettings> {
  /** The part of an item that tools and graders see. Zod drops undeclared fields. */
  readonly task: z.ZodType<Task>
  /** The part of an item that only graders see: the answer. */
  readonly reference: z.ZodType<Reference>
  /** What the tools of a rollout remember between calls. Must parse `{}`, the initial state. */
  readonly state: z.ZodType<State>
  /**
   * Settings of the tools and graders, one environment variable each: read and validated when the server starts, and never
   * logged. Describe them with `.describe()`. A name such as `MAIL_KEY`, or `meta({ secret: true })`, keeps a value out of
   * messages too.
   */
  readonly settings?: z.ZodObject & z.ZodType<Settings>
  /** The maximum number of tool calls per rollout; no limit by default. */
  readonly budget?: { readonly calls: number }
}

/**
 * Parses a stored state; null is the initial state.
 *
 * @throws TypeError that names the invalid fields, without their values.
 */
export function parseState<State>({ state }: { readonly state: z.ZodType<State> }, stored: unknown): State {
  const read = state.safeParse(stored ?? {}, hidingValues)
  if (read.success) return read.data
  throw new TypeError(`the state does not fit the environment's schema: ${describeIssues(read.error, 'state')}`)
}

/** The longest delay of a Node timer, in whole seconds. */
const longest = 2_147_483

/** Validates the timeout of a tool or a grader: a Node timer with too long a delay fires at once. */
export function checkTimeout(
  kind: 'tool' | 'grader',
  { name, timeoutSeconds }: { readonly name: string; readonly timeoutSeconds?: number },
): void {
  if (timeoutSeconds === undefined || (timeoutSeconds > 0 && timeoutSeconds <= longest)) return
  throw new Error(
    `the ${kind} "${name}" has timeoutSeconds ${timeoutSeconds}; it must be more than 0 and at most ${longest}`,
  )
}
