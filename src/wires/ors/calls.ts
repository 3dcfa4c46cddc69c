import type { Context } from 'hono'
import { z } from 'zod'
import { RequestError } from '../../kit/errors.ts'
import type { Submit } from '../../kit/submit.ts'
import { readBody } from '../read-body.ts'
import type { WireDeps } from '../wire.ts'
import { type Ending, errorAnswer, eventAnswer, eventStream, settledWithin } from './events.ts'
import { createTaskIds } from './ids.ts'
import { callTool, finish, isSubmit } from './outcomes.ts'
import { deadSession, sessionIdOf } from './sessions.ts'

/** How long a call that is asked for again may take before its answer begins, in milliseconds: less than clients wait. */
const resumeMs = 10_000

const callBody = z.object({
  name: z.string().min(1).max(256),
  input: z.unknown().optional(),
  task_id: z.string().max(256).nullish(),
})

/**
 * Creates the handler of a call. The first event is the id under which the call will be in the ledger; a client that loses the
 * connection comes back with it, on any replica, and gets the stored answer, or joins the call, or makes it.
 *
 * A call that fails ends its stream early, so that the client comes back. Then the failure is an answer with its status if it
 * comes soon, of which clients accept a few; after a stream has begun it is an error, because clients would retry it for ever.
 */
export function callHandler(deps: WireDeps, submit: Submit): (c: Context) => Promise<Response> {
  const { allow, sessions, respond, hold } = deps
  const ids = createTaskIds(deps.tokens)

  return async (c) => {
    const access = await allow(c.req.raw, 'tools', 'grade')
    const run = access.run()
    const rolloutId = sessionIdOf(c)
    const { name, input, task_id: given } = await readBody(c, callBody, deps)
    const isFinal = isSubmit(name, submit)
    await allow(c.req.raw, isFinal ? 'grade' : 'tools')
    const session = await sessions.find({ run, rolloutId })
    if (session === undefined || (session.ended && given == null)) throw deadSession()
    const named = { session, name, input }
    if (given != null && !(await ids.isFor(given, named))) return errorAnswer('unknown task_id')
    const taskId = given ?? (await ids.mint(named))
    const call = { ...named, key: access.key, taskId }
    const report = (error: unknown) => {
      if (error instanceof Error) respond(c, error, { isAnswered: true })
    }
    const work = () => {
      const working = isFinal ? finish(deps, submit, call, report) : callTool(deps, submit, call)
      hold(working)
      return working
    }

    if (given == null) {
      return eventStream(taskId, () =>
        work().catch((error: unknown) => {
          report(error)
          return mayComeBack(error) ? undefined : errorOf(error)
        }),
      )
    }
    const working = work()
    if (await settledWithin(working, resumeMs)) return eventAnswer(taskId, await working)
    return eventStream(taskId, () =>
      working.catch((error: unknown) => {
        report(error)
        return isStopping(error) ? undefined : errorOf(error)
      }),
    )
  }
}

const isStopping = (error: unknown) => error instanceof RequestError && error.code === 'server_stopping'

/** Whether the same call may succeed later. */
const mayComeBack = (error: unknown) => !(error instanceof RequestError) || error.status >= 500

function errorOf(error: unknown): Ending {
  return { event: 'error', data: error instanceof RequestError ? error.message : 'the server failed' }
}
