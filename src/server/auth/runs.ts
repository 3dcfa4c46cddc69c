import { coversRun, defaultRun } from '../../base/run-name.ts'
import { AuthError, RequestError } from '../../kit/errors.ts'
import type { Principal } from './principal.ts'

/**
 * The run of a request that names none: the first plain name among those that the caller is bound to; `default` for a caller
 * that is bound to none.
 *
 * @throws RequestError `run_required` (400) if the caller is bound to patterns alone.
 */
export function runWithoutName({ runs, subject }: Principal): string {
  if (runs === undefined) return defaultRun
  const own = runs.find((one) => !one.endsWith('*'))
  if (own !== undefined) return own
  const message = `the key in use is bound to the runs ${listed(runs)}, so the request must name one: in the address, /runs/{run}/…, or in the header x-run`
  throw new RequestError(400, 'run_required', message, { details: { subject } })
}

/**
 * Checks that a caller may use a run.
 *
 * @throws AuthError `run_forbidden` (403) that names the runs that the caller may use.
 */
export function requireRun({ runs, subject }: Principal, run: string): void {
  if (runs === undefined || coversRun(runs, run)) return
  throw new AuthError(
    'run_forbidden',
    `The token in use may not use the run "${run}"; it is bound to ${runs.length === 0 ? 'no run' : `the runs ${listed(runs)}`}.`,
    'Name one of these, or use a key for that run: npm run token -- --runs NAME, or NAME:SCOPES@RUN=KEY in API_KEYS.',
    { details: { subject, run } },
  )
}

/** The first ten, for a message. */
function listed(runs: readonly string[]): string {
  const more = runs.length > 10 ? ` and ${runs.length - 10} more` : ''
  return `${runs.slice(0, 10).join(', ')}${more}`
}
