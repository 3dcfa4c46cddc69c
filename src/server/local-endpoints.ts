import { defaultRun, runInPath } from '../base/run-name.ts'
import type { Grading } from '../core/grading/grading.ts'
import { RequestError } from '../kit/errors.ts'
import { pathHere, unnamedServer } from '../runtime/outbound/addresses.ts'
import type { LocalEndpoint } from '../runtime/outbound/endpoint-runner.ts'
import { gradingBody } from '../wires/agent-rft.ts'

/** What {@link localEndpoints} needs. */
export interface LocalEndpointsSettings {
  readonly grade: Grading['grade']
  /** The address at which others reach this server; undefined if it is not configured. */
  readonly publicUrl: string | undefined
  /** Graders that call endpoints themselves; they are refused, because two of them could wait for each other. */
  readonly asking: ReadonlySet<string>
}

/**
 * Makes the function that finds who answers in-process for an endpoint grader's address: `/graders/{name}` or `/grade` of
 * this server; undefined for an address elsewhere. Such a grading is recorded as if it had come over the network, in the run
 * of the rollout that is graded. It needs no key, because the caller was already allowed to grade.
 */
export function localEndpoints({ grade, publicUrl, asking }: LocalEndpointsSettings) {
  const bases = publicUrl === undefined ? [unnamedServer] : [publicUrl, unnamedServer]
  return (address: string): LocalEndpoint | undefined => {
    const here = pathHere(address, bases)
    if (here === undefined) return undefined
    const named = runInPath(here)
    const { path } = named ?? { path: here }
    const name = /^\/graders\/([A-Za-z0-9_-]{1,64})$/.exec(path)?.[1]
    if (name === undefined && path !== '/grade') return async () => refusal(404, 'not_found')
    if (name !== undefined && asking.has(name)) return async () => refusal(400, 'grader_asks_endpoints')
    return async ({ body, run = defaultRun }) => {
      // The caller was allowed to use this run alone.
      if (named !== undefined && named.run !== run) return refusal(400, 'run_conflict')
      const read = gradingBody.safeParse({ ...body, sample: withoutTrajectory(body.sample) })
      if (!read.success) return refusal(400, 'invalid_request')
      try {
        const { sample, item, trace_id: rolloutId } = read.data
        const { score } = await grade({ run, sample, item, rolloutId, grader: name })
        return Response.json({ score })
      } catch (error) {
        if (!(error instanceof RequestError)) throw error
        const { status, code, retryAfterSeconds } = error
        return refusal(status, code, retryAfterSeconds)
      }
    }
  }
}

/** The grader reads the recorded trajectory instead. */
function withoutTrajectory(sample: unknown): unknown {
  if (typeof sample !== 'object' || sample === null) return sample
  const { trajectory: _, ...rest } = { trajectory: undefined, ...sample }
  return rest
}

function refusal(status: number, code: string, retryAfterSeconds?: number): Response {
  const headers = retryAfterSeconds === undefined ? {} : { 'retry-after': String(retryAfterSeconds) }
  return Response.json({ error: { code } }, { status, headers })
}
