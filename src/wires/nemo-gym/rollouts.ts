import type { Context } from 'hono'
import { z } from 'zod'
import { describeIssues, hidingValues } from '../../base/issues.ts'
import { contentHash } from '../../base/json.ts'
import { maxResponseBytes } from '../../base/limits.ts'
import { storable } from '../../base/text.ts'
import type { ToolAnswer } from '../../core/calls/calls.ts'
import type { GradingAnswer } from '../../core/grading/grading.ts'
import { RequestError } from '../../kit/errors.ts'
import { ItemMismatchError } from '../../ledger/attempt.ts'
import { type Access, headerValue } from '../http.ts'
import { readBody, turnOf } from '../read-body.ts'
import type { WireDeps } from '../wire.ts'
import { asksForJson, failureRead, sampleOf, type VerifiedRow } from './response.ts'
import { itemOf, type Row, rolloutIdOf } from './row.ts'
import { createSessionCookies, type Protocol, type Session } from './session.ts'

/** How a mount of this wire differs from the other. */
export interface Mount {
  readonly name: string
  readonly prefix: string
  /** Whether its client can send a key. */
  readonly sendsKey: boolean
  /**
   * Whether its client sends back the cookie of each answer, and repeats lost requests: then the cookie names each call. A
   * client that keeps the first cookie sends equal calls with equal cookies, and repeats none.
   */
  readonly rotates: boolean
}

/** What the addresses of this wire do with rollouts. */
export interface Rollouts {
  /** Begins a rollout with the item of a row, and sets its cookie. */
  begin(c: Context, access: Access, row: Row, protocol: Protocol): Promise<Session>
  /** Finds the session of a request. Throws like {@link createSessionCookies}' `find`. */
  session(c: Context, access: Access): Promise<Session>
  /** Calls a tool in a session, and sets the cookie of the session after it. By default the cookie names the call. */
  call(c: Context, access: Access, session: Session, request: CallRequest): Promise<ToolAnswer>
  /**
   * Grades the rollout of a session by the model's response. Throws a `RequestError`, 500 if the row has another item than
   * the session, 503 if the model read an error of this server, and as the verb does.
   */
  grade(c: Context, access: Access, session: Session, row: VerifiedRow): Promise<GradingAnswer>
  /** Ends the rollout of a session. */
  end(session: Session): Promise<void>
  /**
   * Reads the body of an address that a model may call by mistake, as if it were a tool: in a session of tools, a body that
   * does not fit is such a call. Throws a `RequestError` 400 for any other body that does not fit, 413 for one that is too
   * large: one that holds responses may have 32 MiB.
   */
  read<Body>(c: Context, schema: z.ZodType<Body>, holds?: 'responses'): Promise<Read<Body>>
}

/** A call of a tool: its name and arguments as the model wrote them. */
export interface CallRequest {
  readonly tool: string
  readonly arguments: unknown
  readonly callId?: string | undefined
}

/** A body that fits its address, or one that does not: the arguments of a model's call. */
export type Read<Body> = { readonly fits: true; readonly body: Body } | { readonly fits: false; readonly body: unknown }

/** The most UTF-16 units of a tool's name, as on every wire. */
const longestName = 256

/** Creates what the addresses of a mount do with rollouts. */
export function createRollouts(mount: Mount, deps: WireDeps): Rollouts {
  const { sessions } = deps
  const cookies = createSessionCookies(deps)
  const limitsOfResponses = { ...deps, maxBodyBytes: Math.max(deps.maxBodyBytes, maxResponseBytes) }

  return {
    async begin(c, access, row, protocol) {
      const run = access.run()
      await turnOf(c, deps)
      const item = itemOf(row)
      const begun = { run, wire: mount.name, key: access.key, rolloutId: rolloutIdOf(row), item }
      const session = { ...(await sessions.begin(begun)), item, ended: false, protocol, answered: 0 }
      await cookies.set(c, session)
      c.header('x-rollout-id', headerValue(session.rolloutId))
      return session
    },

    session: (c, access) => cookies.find(c, access),

    async call(c, access, session, request) {
      const { run, rolloutId, number, item, itemHash, answered } = session
      const { arguments: args } = request
      const tool = storable(request.tool)
      if (tool.length > longestName) {
        throw new RequestError(400, 'invalid_request', `the tool's name has more than ${longestName} characters`)
      }
      await turnOf(c, deps)
      const named = mount.rotates ? `call_${answered}_${contentHash([tool, args]).slice(0, 16)}` : undefined
      const answer = await deps.call({
        run,
        wire: mount.name,
        key: access.key,
        rolloutId,
        attempt: number,
        callId: request.callId ?? named,
        tool,
        arguments: args,
        item,
        itemHash,
      })
      await cookies.set(c, { ...session, answered: answered + 1 })
      c.header('x-rollout-id', headerValue(rolloutId))
      c.header('x-outcome', answer.outcome)
      if (answer.replayed) c.header('x-replayed', 'true')
      return answer
    },

    async grade(c, access, session, row) {
      const { run, rolloutId, number, itemHash } = session
      await turnOf(c, deps)
      // With the same hash it is the stored item, also where the ledger keeps it redacted.
      const item = itemOf(row)
      if (contentHash(item) !== itemHash) throw new ItemMismatchError(rolloutId)
      const failure = failureRead(row.response)
      if (failure !== undefined) {
        const message = `the model read an error of this server (${failure}) as the output of a tool call: no score`
        throw new RequestError(503, 'tool_call_unanswered', message, { details: { run, rollout: rolloutId } })
      }
      const sample = sampleOf(row.response, asksForJson(row.responses_create_params))
      await turnOf(c, deps)
      c.header('x-rollout-id', headerValue(rolloutId))
      return await deps.grade({
        run,
        wire: mount.name,
        key: access.key,
        rolloutId,
        attempt: number,
        grader: undefined,
        sample,
        item,
        itemHash,
      })
    },

    end: ({ run, rolloutId, number }) => sessions.end({ run, rolloutId, number }),

    async read(c, schema, holds) {
      const limits = holds === 'responses' ? limitsOfResponses : deps
      const body = isEmpty(c) ? undefined : await readBody(c, z.unknown(), limits)
      const parsed = schema.safeParse(body, hidingValues)
      if (parsed.success) return { fits: true, body: parsed.data }
      if ((await cookies.protocolOf(c)) === 'tools') return { fits: false, body }
      throw new RequestError(400, 'invalid_request', `the body does not fit: ${describeIssues(parsed.error, 'body')}`)
    },
  }
}

/** Whether a request has no body: the client sends none for arguments that are null. */
function isEmpty(c: Context): boolean {
  return c.req.header('content-length') === '0' || c.req.raw.body === null
}
