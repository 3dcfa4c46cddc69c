import { expect } from 'vitest'
import { AuthError } from '../../../src/kit/errors.ts'

/** Awaits the AuthError that a promise must reject with. */
export async function authErrorOf(attempt: Promise<unknown>): Promise<AuthError> {
  const outcome: unknown = await attempt.then(
    () => 'accepted',
    (error: unknown) => error,
  )
  expect(outcome).toBeInstanceOf(AuthError)
  if (!(outcome instanceof AuthError)) throw new Error('not an AuthError')
  return outcome
}

/** Headers that carry a bearer token. */
export const bearer = (token: string): Headers => new Headers({ authorization: `Bearer ${token}` })
