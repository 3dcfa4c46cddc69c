import type { Hono } from 'hono'
import type { Log } from '../base/log.ts'
import type { Caller } from '../core/calls/calls.ts'
import type { Grading } from '../core/grading/grading.ts'
import type { Retrieve } from '../core/retrieve.ts'
import type { SessionTokens } from '../core/session-tokens.ts'
import type { Sessions } from '../core/sessions.ts'
import type { Environment } from '../kit/define.ts'
import type { Grader } from '../kit/define-grader.ts'
import type { Tool } from '../kit/define-tool.ts'
import type { Submit } from '../kit/submit.ts'
import type { Datasets } from '../runtime/datasets.ts'
import type { ErrorResponder } from './error-response.ts'
import type { Access } from './http.ts'
import type { BodyLimits } from './read-body.ts'

/** One trainer's protocol: it translates requests to the verbs, and their answers back. */
export interface Wire {
  /** Lower case with hyphens, such as `nemo-gym`; recorded with each attempt. */
  readonly name: string
  /** Where its addresses begin, such as `/nemo-gym`. */
  readonly prefix: string
  /** Names of addresses that no tool may have. */
  readonly reservedToolNames?: readonly string[]
  /** Whether its client can send a key. One that cannot needs a port of its own that only it can reach. */
  readonly sendsKey: boolean
  /** Its addresses without the prefix, as path items of an OpenAPI document. */
  describe(tools: readonly Tool[], graders: readonly Grader[]): Readonly<Record<string, object>>
  /** Makes its routes, without the prefix. */
  create(deps: WireDeps): Hono
}

/** What the server gives to every wire. */
export interface WireDeps extends BodyLimits {
  readonly call: Caller['call']
  readonly grade: Grading['grade']
  /** Searches for documents outside of any rollout; undefined if the environment defines no search. */
  readonly retrieve: Retrieve | undefined
  readonly sessions: Sessions
  readonly tokens: SessionTokens
  readonly tools: readonly Tool[]
  /** The first is the default grader. */
  readonly graders: readonly Grader[]
  /** The most tool calls a rollout may make; undefined for no limit. */
  readonly budget: number | undefined
  /** Parses an item: what tools may see of it, and what graders may. */
  readonly readItem: Environment<unknown, unknown, unknown>['readItem']
  /** What a model calls to finish; undefined if the environment declares none. */
  readonly submit: Submit | undefined
  /** The datasets that the server is given. */
  readonly datasets: Datasets
  /** Throws unless the caller has one of the scopes, and may use the run that the request names. */
  readonly allow: (request: Request, ...anyOf: readonly ('tools' | 'grade' | 'read')[]) => Promise<Access>
  readonly respond: ErrorResponder
  /** Counts work behind an answer that has begun, such as a stream, as a request in flight until it settles. */
  readonly hold: (work: Promise<unknown>) => void
  readonly log: Log
  /** The address at which others reach this server; undefined if it is not configured. */
  readonly publicUrl: string | undefined
  /** The version of the server. */
  readonly version: string
}
