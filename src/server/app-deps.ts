import type { Hono } from 'hono'
import type { Limits } from '../base/limits.ts'
import type { Log } from '../base/log.ts'
import type { Observer } from '../core/observer.ts'
import type { Sandboxes } from '../core/sandboxes/sandboxes.ts'
import type { Environment } from '../kit/define.ts'
import type { Grader } from '../kit/define-grader.ts'
import type { Tool } from '../kit/define-tool.ts'
import type { Embed, Redact } from '../kit/environment.ts'
import type { RequestError } from '../kit/errors.ts'
import type { Hooks } from '../kit/hooks.ts'
import type { Judge } from '../kit/judge.ts'
import type { Submit } from '../kit/submit.ts'
import type { Database } from '../postgres/database.ts'
import type { RolloutTable } from '../postgres/roles.ts'
import type { Datasets } from '../runtime/datasets.ts'
import type { JsonGrader } from '../runtime/openai-graders/json-grader.ts'
import type { Outbound } from '../runtime/outbound/outbound.ts'
import type { RunnersSettings } from '../runtime/runners.ts'
import type { ErrorResponder } from '../wires/error-response.ts'
import type { HeaderReader } from '../wires/http.ts'
import type { Wire } from '../wires/wire.ts'
import type { Principal } from './auth/principal.ts'
import type { DashboardLife } from './dashboard.ts'
import type { Admission } from './http/admission.ts'
import type { CallServices } from './http/direct-calls.ts'
import type { WirePort } from './http/wire-ports.ts'

/** What the app needs. */
export interface AppDeps {
  readonly database: Pick<Database, 'sql' | 'db'>
  readonly tools: readonly Tool[]
  /** The first is the default grader. */
  readonly graders: readonly Grader[]
  /** The most tool calls a rollout may make; `undefined` for no limit. */
  readonly budget: number | undefined
  /** Identifies the caller, or throws an `AuthError`. */
  readonly authenticate: (headers: HeaderReader) => Promise<Principal>
  readonly log: Log
  /** Removes the values of secret settings from a text that is recorded; by default nothing. */
  readonly redact?: ((text: string) => string) | undefined
  /** The environment's hooks, and what it stores in place of items, arguments and outputs; by default none. */
  readonly hooks?: Hooks | undefined
  readonly redaction?: Redact | undefined
  /** Parses an item as the environment does; by default every item fits. */
  readonly readItem?: Environment<unknown, unknown, unknown>['readItem'] | undefined
  /** The sandboxes of rollouts; default: none. */
  readonly sandboxes?: Sandboxes | undefined
  /** What a model calls to finish; by default nothing is declared. */
  readonly submit?: Submit | undefined
  /** The datasets for wires that name an item by its index; by default none. */
  readonly datasets?: Datasets | undefined
  /** The wires beside Agent RFT that are on; by default all. */
  readonly wires?: readonly Wire[]
  /** The ports on which wires are served without a prefix; by default none. */
  readonly wirePorts?: readonly WirePort[]
  /** The tables of which each rollout has rows of its own; by default none. */
  readonly rolloutTables?: readonly RolloutTable[] | undefined
  readonly limits: Limits
  /** The version of the server, for its description. */
  readonly version: string
  /** Whether the database has all migrations; throws when it is unavailable. */
  readonly isMigrated: () => Promise<boolean>
  readonly embed?: Embed | undefined
  /** Answers graders' questions; without it a grader that asks one makes its rollout ungradable. */
  readonly judge?: Judge | undefined
  /** Graders that are files in OpenAI's JSON format; they come after the others. */
  readonly jsonGraders?: readonly JsonGrader[]
  /** Runs the judging models and Python of graders in OpenAI's format. */
  readonly runners?: RunnersSettings['more']
  /** Sends requests to addresses that callers and graders name; by default all are refused. */
  readonly outbound?: Outbound | undefined
  /** The address at which others reach this server. */
  readonly publicUrl?: string | undefined
  /** Is told of each call and each grading. */
  readonly observer?: Observer | undefined
  /** Is told of every error that is answered. */
  readonly onError?: ((error: RequestError) => void) | undefined
  /** Is told of each statement that records calls how many it records. */
  readonly onBatch?: ((calls: number) => void) | undefined
  /** Makes the address `/metrics`; by default there is none. */
  readonly makeMetrics?: ((respond: ErrorResponder) => Hono) | undefined
  /** Makes the pages of the dashboard; default: no pages. */
  readonly makePages?: ((life: DashboardLife) => Hono) | undefined
  /** Returns milliseconds since 1970; by default the real clock. */
  readonly now?: () => number
  /** Aborted when a stopping server has no more time for running requests. */
  readonly stopping?: AbortSignal
  /** Whether the server is about to stop, so that no new requests should be sent to it. */
  readonly isDraining?: () => boolean
  /** Counts the requests in flight; by default a new one. */
  readonly admission?: Admission
  /** Registers work to do at the end, after all requests. */
  readonly atEnd?: (work: () => Promise<void>) => void
  /** Registers what answers tool calls without the app's routes; see {@link createDirectCalls}. */
  readonly serveCalls?: (calls: CallServices) => void
  /** Registers the app of a port of `wirePorts`. */
  readonly servePort?: (port: WirePort, app: Hono) => void
}
