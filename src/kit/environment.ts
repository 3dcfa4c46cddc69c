import type { PostgresJsDatabase } from 'drizzle-orm/postgres-js'
import type { z } from 'zod'
import { describeIssues, hidingValues } from '../base/issues.ts'
import type { FoundDocument, RetrieveContext } from './retrieve.ts'
import type { SandboxDefinition } from './sandboxes.ts'

/** The database, through drizzle; each statement is its own transaction. */
export type Db = PostgresJsDatabase

/** The transaction that commits a tool's writes together with its state and its record. */
export type Tx = Parameters<Parameters<Db['transaction']>[0]>[0]

/** Embeds texts: one vector per text, in the same order. Throws if the endpoint does not answer. */
export type Embed = (texts: readonly string[], signal?: AbortSignal) => Promise<number[][]>

/** One attempt of a rollout. */
export interface RolloutRef {
  /** The job that the rollout belongs to. */
  readonly run: string
  /** The trainer's id. */
  readonly id: string
  /** 1 for the first use of the id in its run, then 2, 3 … */
  readonly attempt: number
  /** Unique across all runs and attempts: a name for what belongs to this one alone. */
  readonly number: number
}

/** The context of the environment's `begin`. */
export interface BeginContext<Task, Reference, Settings = NoSettings> {
  /** The transaction that makes the rollout: what it writes commits with the rollout, or not at all. */
  readonly tx: Tx
  readonly rollout: RolloutRef
  readonly task: Readonly<Task>
  readonly reference: Readonly<Reference>
  readonly settings: Settings
}

/** How an attempt ended: after a grading, idle without one, or closed by the trainer without one. */
export type RolloutOutcome = 'graded' | 'abandoned' | 'closed'

/** The context of the environment's `end`. */
export interface EndContext<Settings = NoSettings> {
  readonly db: Db
  readonly rollout: RolloutRef
  readonly outcome: RolloutOutcome
  readonly settings: Settings
  /** Aborted when the hook has run for too long; pass it on. */
  readonly signal: AbortSignal
}

/**
 * What is stored in place of items, arguments and outputs. Tools, graders and the model still get the originals, except
 * where something stored is read again: the answer to a retry, the trajectory of a grading, a regrading, an export.
 */
export interface Redact {
  /** Returns what is stored of an item, which is frozen: return a copy with the changes. */
  item?(item: unknown): unknown
  /** Returns what is stored of a call's arguments. */
  arguments?(tool: string, args: unknown): unknown
  /** Returns what is stored of a tool's output. */
  output?(tool: string, output: string): string
}

/** The settings of an environment that declares none. */
export type NoSettings = Readonly<Record<string, never>>

/** The definition of an environment. */
export interface EnvironmentSpec<Task, Reference, State, Settings = NoSettings, Boxes extends string = string> {
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
  /**
   * The part of a score that cannot be gamed, such as whether the answer is right. The dashboard shows it beside the reward,
   * and alarms compare the two: a reward that rises while this part does not is suspicious.
   */
  readonly trusted?: string
  /** The maximum number of tool calls per rollout; no limit by default. */
  readonly budget?: { readonly calls: number }
  /**
   * Isolated places to act in, by name: a rollout has one of its own of each that a call or a grading of it uses. Tools with
   * `effects: 'external'` and graders ask for them with `sandboxes: ['shell']`.
   *
   * @example sandboxes: { shell: { template: (task) => `repositories/${task.repository}`, memoryMb: 256 } }
   */
  readonly sandboxes?: Readonly<Record<Boxes, SandboxDefinition<Task>>>
  /**
   * Runs once for each attempt of a rollout, before its first call, and seeds its rows. Throw an {@link ItemError} for an
   * item that cannot be used, a 422; any other error is a 5xx, and the trainer's retry runs it again.
   */
  begin?(context: BeginContext<Task, Reference, Settings>): void | Promise<void>
  /**
   * Runs at least once for each attempt, some time after its grading, when it was idle for too long, or when the trainer
   * closes it: releases what the rollout holds outside of the database. The rows of its tables are deleted afterwards.
   */
  end?(context: EndContext<Settings>): void | Promise<void>
  /**
   * Searches for documents, for trainers whose search tool asks for nothing else (verl, Search-R1; `POST /retrieve`). Share
   * the search with a tool of yours; such a request belongs to no rollout, so it is neither recorded nor counted.
   */
  retrieve?(context: RetrieveContext<Settings>): readonly FoundDocument[] | Promise<readonly FoundDocument[]>
  /** Takes fields out of what is stored; by default everything is stored as it is. */
  readonly redact?: Redact
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
