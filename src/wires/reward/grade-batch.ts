import { type Context, Hono } from 'hono'
import type { z } from 'zod'
import { contentHash } from '../../base/json.ts'
import type { GradingAnswer } from '../../core/grading/grading.ts'
import { RequestError } from '../../kit/errors.ts'
import { settleAll } from '../../runtime/concurrency.ts'
import { type Access, onlyBy } from '../http.ts'
import { readBody, turnOf } from '../read-body.ts'
import type { WireDeps } from '../wire.ts'
import type { Entry } from './entry.ts'

/** How many entries of one batch are graded at the same time. */
const atOnce = 32

/** A request for the rewards of one or more rollouts. */
export interface Batch {
  /** The name of the wire. */
  readonly wire: string
  readonly access: Access
  /** The name of the grader; undefined for the default one. */
  readonly grader: string | undefined
  /** The body of the request, which identifies the batch. */
  readonly body: unknown
  readonly entries: readonly Entry[]
}

/** What grading a batch needs. */
export type BatchDeps = Pick<WireDeps, 'grade' | 'maxBodyBytes' | 'turns'>

/**
 * Grades the entries of a batch concurrently and resolves with one answer for each, or with none: a batch has no place for
 * a reward that is missing. Each score is recorded, so the trainer's retry only grades the entries that have none yet.
 *
 * An entry without a rollout id gets one from the content of the whole batch and its place in it: a batch that is sent
 * again is the same rollouts, and equal completions in one batch are different ones.
 *
 * @throws RequestError for the first entry that has no score because of the server, otherwise for the first that has none.
 */
export async function gradeBatch(c: Context, batch: Batch, deps: BatchDeps): Promise<readonly GradingAnswer[]> {
  const { wire, access, grader, entries } = batch
  const run = access.run()
  await turnOf(c, deps)
  const hash = contentHash([wire, batch.body]).slice(0, 40)
  const outcomes = await settleAll(entries, atOnce, ({ item, text, rolloutId }, place) => {
    const sample = { output_text: text, output_tools: [], choices: [] }
    const id = rolloutId ?? `${wire}_${hash}_${place}`
    return deps.grade({ run, wire, key: access.key, rolloutId: id, grader, sample, item })
  })
  const answers = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []))
  if (answers.length === outcomes.length) return answers
  throw failureOf(outcomes)
}

/** What a reward wire's routes read of a request: all of its batch but the entries. */
export type BatchRequest<Body> = Omit<Batch, 'entries' | 'body'> & { readonly body: Body }

/**
 * Creates the routes of a reward wire: its root, which grades with the default grader, and one for each grader, all for
 * POST alone. `answer` grades a body that fits.
 */
export function rewardApp<Body>(
  wire: string,
  body: z.ZodType<Body>,
  deps: WireDeps,
  answer: (c: Context, request: BatchRequest<Body>) => Promise<Response>,
): Hono {
  const app = new Hono()
  app.onError((error, c) => deps.respond(c, error))
  app.on('POST', ['/', '/:grader'], async (c) => {
    const access = await deps.allow(c.req.raw, 'grade')
    return await answer(c, { wire, access, grader: c.req.param('grader'), body: await readBody(c, body, deps) })
  })
  for (const path of ['/', '/:grader']) app.all(path, onlyBy('POST'))
  return app
}

/** Grades the only entry of a request, as {@link gradeBatch} does. */
export async function gradeOne(c: Context, batch: Omit<Batch, 'entries'>, entry: Entry, deps: BatchDeps) {
  const [answer] = await gradeBatch(c, { ...batch, entries: [entry] }, deps)
  if (answer === undefined) throw new Error('a batch of one entry has no answer')
  return answer
}

/** The error of a batch: that of one entry, which says how many have no score if the batch has several entries. */
function failureOf(outcomes: readonly PromiseSettledResult<unknown>[]): unknown {
  const failures = [...outcomes.entries()].flatMap(([place, outcome]) =>
    outcome.status === 'rejected' ? [{ place, error: outcome.reason }] : [],
  )
  const first = failures.find(({ error }) => !isRefusal(error)) ?? failures[0]
  const { error } = first ?? { error: new Error('a batch without failures has no error') }
  if (outcomes.length === 1 || first === undefined || !(error instanceof RequestError)) return error
  const { status, code, cause, retryAfterSeconds } = error
  const message = `${failures.length} of ${outcomes.length} entries have no score, so none is answered; entry ${first.place}: ${error.message}`
  const details = { ...error.details, entries: failures.slice(0, 10).map(({ place }) => place) }
  return new RequestError(status, code, message, {
    cause,
    details,
    ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
  })
}

const isRefusal = (error: unknown) => error instanceof RequestError && error.status < 500
