import { getPathNoStrict } from 'hono/utils/url'
import { isRunName, runInPath, runNameRule } from '../base/run-name.ts'
import { shorten } from '../base/text.ts'
import { RequestError } from '../kit/errors.ts'
import type { Access } from '../wires/http.ts'
import { refuseKeyInUrl } from './auth/authenticate.ts'
import { type Principal, requireScope, type Scope } from './auth/principal.ts'
import { requireRun, runWithoutName } from './auth/runs.ts'

/** The path by which a request is routed: without `/runs/{run}` at its front, and without a slash at its end. */
export function pathWithoutRun(request: Request): string {
  const path = getPathNoStrict(request)
  return path.startsWith('/runs/') ? (runInPath(path)?.path ?? path) : path
}

/**
 * Makes the function that lets a caller in with one of the scopes, and with the run that the request names, or throws.
 *
 * @param bound the run of all requests; by default each names its own
 * @throws AuthError for the token, the scope (403) and the run (403 `run_forbidden`); RequestError 400 `invalid_run` and
 * `run_conflict`.
 */
export function createAccess(
  authenticate: (headers: Headers) => Promise<Principal>,
  bound?: string,
): (request: Request, ...anyOf: readonly Scope[]) => Promise<Access> {
  return async (request, ...anyOf) => {
    const query = request.url.indexOf('?')
    if (query !== -1) refuseKeyInUrl(request.url.slice(query))
    const principal = await authenticate(request.headers)
    requireScope(principal, ...anyOf)
    const given = namedRun(request)
    if (bound !== undefined && given !== undefined && given !== bound) throw conflictWithPort(given, bound)
    const named = given ?? bound
    if (named !== undefined) requireRun(principal, named)
    return {
      key: principal.subject,
      run(other) {
        if (other === undefined) return named ?? runWithoutName(principal)
        checkName(other)
        if (named !== undefined && named !== other) throw conflict(named, other)
        requireRun(principal, other)
        return other
      },
    }
  }
}

/** The run that the address or the header names. */
function namedRun(request: Request): string | undefined {
  // An address may have its letters percent-encoded.
  const mayName = request.url.includes('/runs/') || request.url.includes('%')
  const inPath = mayName ? runInPath(getPathNoStrict(request))?.run : undefined
  const inHeader = request.headers.get('x-run') ?? undefined
  for (const run of [inPath, inHeader]) if (run !== undefined) checkName(run)
  if (inPath !== undefined && inHeader !== undefined && inPath !== inHeader) throw conflict(inPath, inHeader)
  return inPath ?? inHeader
}

function checkName(run: string): void {
  if (isRunName(run)) return
  const message = `"${shorten(run, 120)}" is not the name of a run: a name is ${runNameRule}`
  throw new RequestError(400, 'invalid_run', message)
}

function conflictWithPort(given: string, bound: string): RequestError {
  const message = `the request names the run "${given}", and this port is bound to the run "${bound}": name no run here`
  return new RequestError(400, 'run_conflict', message)
}

function conflict(one: string, other: string): RequestError {
  const message = `the request names two runs, "${one}" and "${other}": name one, in the address or in the header x-run`
  return new RequestError(400, 'run_conflict', message)
}
