import { RequestError } from '../../kit/errors.ts'

/** The name of the one environment that this server has, on this wire. */
export const environmentName = 'scorekeeper'

/** Throws a `RequestError`, 404, for the name of another environment; a request may name none. */
export function checkEnvironment(name: string | null | undefined): void {
  if (name == null || name.toLowerCase() === environmentName) return
  throw new RequestError(404, 'unknown_environment', `unknown environment; this server has one, "${environmentName}"`)
}
