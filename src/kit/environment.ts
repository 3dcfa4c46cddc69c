import type { PostgresJsDatabase } from 'drizzle-orm/postgres-js'
import type { z } from 'zod'
import { describeIssues, hidingValues } from '../base/issues.ts'

/** The user's database, by drizzle; each statement is its own transaction. */
export type Db = PostgresJsDatabase

/** The transaction that a tool's writes, its state and its record commit in together. */
export type Tx = Parameters<Parameters<Db['transaction']>[0]>[0]

/** Turns texts into vectors, one a text in the same order; throws when the endpoint cannot answer. */
export type Embed = (texts: readonly string[], signal?: AbortSignal) => Promise<number[][]>

/** The settings of an environment that declares none. */
export type NoSettings = Readonly<Record<string, never>>

/** What an item of a dataset is and what a rollout of it remembers and may spend. */
export interface EnvironmentSpec<Task, Reference, State, Settings = NoSettings> {
  /** The part of an item that tools and graders see. Zod drops what it does not name. */
  readonly task: z.ZodType<Task>
  /** The part of an item that only graders see: the answer. */
  readonly reference: z.ZodType<Reference>
  /** What the tools of a rollout remember between calls; must parse `{}`, which is where a rollout starts. */
  readonly state: z.ZodType<State>
  /**
   * Settings of the tools and graders, one environment variable each, under its own name: read and validated when the server
   * starts, and never written to its log. Describe them with `.describe()`; a name that sounds secret, or `meta({ secret: true })`,
   * keeps a value out of messages too.
   */
  readonly settings?: z.ZodObject & z.ZodType<Settings>
  /** At most this many tool calls a rollout; none means no limit. */
  readonly budget?: { readonly calls: number }
}

/**
 * Parses a stored state; null is where a rollout starts.
 *
 * @throws TypeError that names the fields that do not fit, without their values.
 */
export function parseState<State>({ state }: { readonly state: z.ZodType<State> }, stored: unknown): State {
  const read = state.safeParse(stored ?? {}, hidingValues)
  if (read.success) return read.data
  throw new TypeError(`the state does not fit the environment's schema: ${describeIssues(read.error, 'state')}`)
}

/** The longest that a timer of Node can wait, in whole seconds. */
const longest = 2_147_483

/** Throws when a tool or a grader allows itself a time that no timer can keep: one that is too long would go off at once. */
export function checkTimeout(
  kind: 'tool' | 'grader',
  { name, timeoutSeconds }: { readonly name: string; readonly timeoutSeconds?: number },
): void {
  if (timeoutSeconds === undefined || (timeoutSeconds > 0 && timeoutSeconds <= longest)) return
  throw new Error(
    `the ${kind} "${name}" has timeoutSeconds ${timeoutSeconds}; give it more than 0 and at most ${longest} seconds`,
  )
}
