import { getPathNoStrict } from 'hono/utils/url'
import { isRunName, runInPath, runNameRule } from '../../base/run-name.ts'
import { shorten } from '../../base/text.ts'
import { RequestError } from '../../kit/errors.ts'
import type { Access, HeaderReader } from '../../wires/http.ts'
import { refuseKeyInUrl } from '../auth/authenticate.ts'
import { type Principal, requireScope, type Scope } from '../auth/principal.ts'
import { requireRun, runWithoutName } from '../auth/runs.ts'

/** The path by which a request is routed: without `/runs/{run}` at its front, and without a slash at its end. */
export function pathWithoutRun(request: Request): string {
  const path = getPathNoStrict(request)
  return path.startsWith('/runs/') ? (runInPath(path)?.path ?? path) : path
}

/** What is looked at to let a caller in. */
export interface Caller {
  /** The query with its `?`, empty if there is none. */
  readonly query: string
  /** The path, with `/runs/{run}` if it has that. */
  path(): string
  readonly headers: HeaderReader
}

/** Makes the function of {@link createCallerAccess} for requests of Fetch. */
export function createAccess(
  ...settings: Parameters<typeof createCallerAccess>
): (request: Request, ...anyOf: readonly Scope[]) => Promise<Access> {
  const allow = createCallerAccess(...settings)
  return (request, ...anyOf) => allow(callerOf(request), ...anyOf)
}

function callerOf(request: Request): Caller {
  const { url, headers } = request
  const query = url.indexOf('?')
  // An address may have its letters percent-encoded.
  const mayName = url.includes('/runs/') || url.includes('%')
  return {
    query: query === -1 ? '' : url.slice(query),
    path: () => (mayName ? getPathNoStrict(request) : ''),
    headers,
  }
}

/**
 * Makes the function that lets a caller in with one of the scopes, and with the run that the request names, or throws.
 *
 * @param bound the run of all requests; by default each names its own
 * @throws AuthError for the token, the scope (403) and the run (403 `run_forbidden`); RequestError 400 `invalid_run` and
 * `run_conflict`.
 */
export function createCallerAccess(
  authenticate: (headers: HeaderReader) => Promise<Principal>,
  bound?: string,
): (caller: Caller, ...anyOf: readonly Scope[]) => Promise<Access> {
  return async (caller, ...anyOf) => {
    if (caller.query !== '') refuseKeyInUrl(caller.query)
    const principal = await authenticate(caller.headers)
    requireScope(principal, ...anyOf)
    const given = namedRun(caller)
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
function namedRun({ path, headers }: Caller): string | undefined {
  const inPath = runInPath(path())?.run
  const inHeader = headers.get('x-run') ?? undefined
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
