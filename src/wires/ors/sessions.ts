import type { Context } from 'hono'
import { z } from 'zod'
import { contentHash } from '../../base/json.ts'
import { storable } from '../../base/text.ts'
import { RequestError } from '../../kit/errors.ts'
import type { FoundAttempt } from '../../ledger/sessions.ts'
import { readBody } from '../read-body.ts'
import type { WireDeps } from '../wire.ts'
import { eventAnswer } from './events.ts'
import { mayBegin, newSessionId } from './ids.ts'
import { promptOf } from './prompt.ts'
import { checkEnvironment, itemOfTask, rowAt, splitNamed } from './tasks.ts'

// The secrets that clients may send are dropped here.
const createBody = z.object({
  env_name: z.string().nullish(),
  toolset_name: z.string().nullish(),
  task_spec: z.unknown().optional(),
  split: z.string().nullish(),
  index: z.int().nullish(),
})

/** Handlers by the name of their address. */
export type Handlers = Readonly<Record<string, (c: Context) => Promise<Response>>>

/** Creates the handlers of a session's addresses. The session's id is the rollout's. */
export function sessionHandlers(deps: WireDeps): Handlers {
  const { allow, sessions } = deps
  const enter = async (c: Context) => {
    const access = await allow(c.req.raw, 'tools')
    return { run: access.run(), key: access.key, rolloutId: sessionIdOf(c) }
  }
  const remove = async (c: Context) => {
    const { run, rolloutId } = await enter(c)
    const session = await sessions.find({ run, rolloutId })
    if (session?.ended === false) await sessions.end(session)
    return c.json({ sid: rolloutId })
  }
  return {
    async create_session(c) {
      await allow(c.req.raw, 'tools')
      return eventAnswer(newSessionId(Date.now()), { event: 'end', data: '' })
    },
    async create(c) {
      const { run, key, rolloutId } = await enter(c)
      const item = await itemOf(await readBody(c, createBody, deps), deps)
      const existing = await sessions.find({ run, rolloutId })
      // The client repeats a request whose answer was lost.
      const isRepeated = existing !== undefined && !existing.ended && existing.itemHash === contentHash(item)
      if (existing !== undefined && !isRepeated) {
        throw new RequestError(400, 'session_exists', 'Session already exists')
      }
      if (!isRepeated) await sessions.begin({ run, wire: 'ors', key, rolloutId, item })
      return c.json({ sid: rolloutId })
    },
    async ping(c) {
      const { run, rolloutId } = await enter(c)
      const session = await sessions.find({ run, rolloutId })
      const isAlive = session === undefined ? mayBegin(rolloutId, Date.now()) : !session.ended
      if (!isAlive) throw deadSession()
      return c.json({ status: 'ok' })
    },
    delete: remove,
    delete_session: remove,
  }
}

/** Creates the handler of the prompt. */
export function promptHandler({ allow, sessions, readItem }: WireDeps): (c: Context) => Promise<Response> {
  return async (c) => {
    const run = (await allow(c.req.raw, 'tools')).run()
    const session: FoundAttempt | undefined = await sessions.find({ run, rolloutId: sessionIdOf(c) })
    if (session === undefined || session.ended) throw deadSession()
    const read = readItem(session.item)
    if (!read.fits) throw new RequestError(422, 'item_misfit', `the item does not fit the environment: ${read.message}`)
    return c.json(promptOf(read.task))
  }
}

/** The session that a request names. Throws a `RequestError`, 400, if it names none. */
export function sessionIdOf(c: Context): string {
  const id = storable(c.req.header('x-session-id')?.trim() ?? '')
  if (id !== '' && id.length <= 256) return id
  throw new RequestError(400, 'invalid_request', 'X-Session-ID header is required, with at most 256 characters')
}

/** The error for a session that does not exist or has ended. */
export const deadSession = (): RequestError => new RequestError(404, 'unknown_session', 'Active environment not found')

async function itemOf(body: z.output<typeof createBody>, deps: WireDeps): Promise<unknown> {
  checkEnvironment(body.env_name)
  if (body.toolset_name != null) {
    throw new RequestError(400, 'unknown_toolset', "unknown toolset; this server has the environment's own tools")
  }
  const { task_spec: task, split, index } = body
  const hasTask = task !== undefined && task !== null
  if (split != null && index != null && !hasTask) return (await rowAt(splitNamed(deps.datasets, split), index)).item
  if (hasTask && split == null && index == null) return await itemOfTask(task, deps)
  throw new RequestError(400, 'invalid_request', 'Provide either task_spec or both split and index')
}
