import { type Context, Hono } from 'hono'
import { shorten } from '../../base/text.ts'
import type { Caller } from '../../core/calls/calls.ts'
import type { GraderRuns } from '../../core/grading/grader-runs.ts'
import { RequestError } from '../../kit/errors.ts'
import { jobRefusals } from '../../runtime/openai-graders/job-refusals.ts'
import type { Outbound } from '../../runtime/outbound/outbound.ts'
import type { ErrorResponder } from '../error-response.ts'
import { type Access, headerValue, onlyBy, pathOf, requestId } from '../http.ts'
import { type BodyLimits, readBody, turnOf } from '../read-body.ts'
import { graderBody, graderRunBody, readGrader, runPosted } from './graders.ts'
import { runTool, toolRunBody } from './tool-run.ts'

/** The prefixes of the addresses that OpenAI's SDKs call: OpenAI's own, Azure's newer one and Azure's older one. */
export const openAiBases = ['/v1', '/openai/v1', '/openai'] as const

/** What these addresses need. */
export interface OpenAiAddressesSettings extends BodyLimits {
  readonly runs: GraderRuns
  readonly call: Caller['call']
  readonly outbound: Pick<Outbound, 'post'>
  /** The address at which others reach this server; undefined if it is not configured. */
  readonly publicUrl: string | undefined
  /** Throws unless the caller has the scope, and may use the run that the request names. */
  readonly allow: (request: Request, scope: 'tools' | 'grade') => Promise<Access>
  readonly respond: ErrorResponder
}

/** The context of a request to these addresses. */
interface Known {
  Variables: { requestId: string }
}

/**
 * The addresses under `fine_tuning/alpha` that OpenAI's SDKs and notebooks call: `graders/run`, `graders/validate` and
 * `tool/run`. Every answer has an `x-request-id`, every error OpenAI's shape.
 */
export function openAiAddresses(settings: OpenAiAddressesSettings): Hono<Known> {
  const { runs, call, outbound, publicUrl, allow, respond } = settings
  const reachedAt = (c: Context) => [...(publicUrl === undefined ? [] : [publicUrl]), new URL(c.req.url).origin]
  const app = new Hono<Known>()
  app.onError((error, c) => {
    // The SDKs retry a 409, which would not help here.
    if (error instanceof RequestError && error.status === 409) c.header('x-should-retry', 'false')
    return respond(c, error, { shape: 'openai', requestId: c.get('requestId') })
  })

  for (const base of openAiBases) {
    const at = `${base}/fine_tuning/alpha`
    app.use(`${base}/*`, async (c, next) => {
      c.set('requestId', requestId())
      c.header('x-request-id', c.get('requestId'))
      await next()
    })
    app.post(`${at}/graders/run`, async (c) => {
      const run = (await allow(c.req.raw, 'grade')).run()
      const body = await readBody(c, graderRunBody, settings)
      await turnOf(c, settings)
      return c.json(await runPosted({ runs, run, reachedAt: reachedAt(c) }, body))
    })
    app.post(`${at}/graders/validate`, async (c) => {
      await allow(c.req.raw, 'grade')
      const body = await readBody(c, graderBody, settings)
      const warnings = jobRefusals(readGrader(body))
      return c.json({ grader: body.grader, ...(warnings.length > 0 && { warnings }) })
    })
    app.post(`${at}/tool/run`, async (c) => {
      const access = await allow(c.req.raw, 'tools')
      const body = await readBody(c, toolRunBody, settings)
      await turnOf(c, settings)
      const { answer, rolloutId, replayed } = await runTool({ call, outbound, access, reachedAt: reachedAt(c) }, body)
      if (rolloutId !== undefined) c.header('x-rollout-id', headerValue(rolloutId))
      if (replayed) c.header('x-replayed', 'true')
      return c.json(answer)
    })
    for (const path of ['graders/run', 'graders/validate', 'tool/run']) {
      app.all(`${at}/${path}`, onlyBy('POST'))
    }
  }
  for (const base of openAiBases) {
    app.all(`${base}/*`, (c) => {
      const message = `${c.req.method} ${shorten(pathOf(c), 200)} is not an address of the API that this server implements`
      throw new RequestError(404, 'not_found', message)
    })
  }
  return app
}
