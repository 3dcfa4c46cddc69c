import { randomUUID } from 'node:crypto'
import type { Context } from 'hono'
import type { SessionTokens } from '../../core/session-tokens.ts'
import { RequestError } from '../../kit/errors.ts'
import type { Access } from '../http.ts'

/** The rollout of a request. */
export interface NamedRollout {
  readonly run: string
  readonly rolloutId: string
  /** The number of its attempt; undefined for a rollout that was not begun with an item. */
  readonly number: number | undefined
}

/** The headers that can carry a token: this server's, NeMo Gym's, and that of a session. */
const tokenHeaders = ['x-scorekeeper-rollout', 'x-nemo-gym-session-token', 'mcp-session-id']

const purpose = 'mcp'

/** The rollout of a session, or of a call without one, which begins with its first call. */
export const newRollout = (run: string): NamedRollout => ({
  run,
  rolloutId: `rollout_${randomUUID()}`,
  number: undefined,
})

/** Makes the token of a rollout that was begun with an item. */
export function rolloutToken(tokens: SessionTokens, { run, rolloutId, number }: NamedRollout): Promise<string> {
  return tokens.mint([purpose, run, rolloutId, String(number)])
}

/** Makes the id of a session, which names the session's rollout. */
export function sessionToken(tokens: SessionTokens, { run, rolloutId }: NamedRollout): Promise<string> {
  return tokens.mint([purpose, run, rolloutId])
}

/**
 * Reads the rollout that a request's address or headers name; undefined if they name none.
 *
 * @throws RequestError 404 `unknown_rollout` for a token that is not valid, and what {@link Access.run} throws.
 */
export async function readRollout(
  c: Context,
  access: Access,
  tokens: SessionTokens,
): Promise<NamedRollout | undefined> {
  const token =
    c.req.param('token') ?? tokenHeaders.map((name) => c.req.header(name)).find((text) => text !== undefined)
  if (token === undefined) return undefined
  const [kind, run, rolloutId, number] = (await tokens.read(token)) ?? []
  if (kind !== purpose || run === undefined || rolloutId === undefined) throw unknownRollout()
  return { run: access.run(run), rolloutId, number: number === undefined ? undefined : Number(number) }
}

/** The error for a rollout that does not exist, or not any more. */
export function unknownRollout(): RequestError {
  const message = 'the token names no rollout of this server; begin one with POST /mcp/rollouts, or a new session'
  return new RequestError(404, 'unknown_rollout', message)
}
