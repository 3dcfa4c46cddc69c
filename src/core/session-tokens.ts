import { createHmac, timingSafeEqual } from 'node:crypto'
import type { Ledger } from '../ledger/ledger.ts'

/** Signs what a wire hands out to be sent back, such as a session: every replica reads the tokens of every other. */
export interface SessionTokens {
  /**
   * Signs fields. The token has letters, digits, `-`, `_` and one `.` alone, so that it fits into a cookie, a header and an
   * address; it is signed, not encrypted. Rejects if the database is unavailable at the first use.
   */
  mint(fields: readonly string[]): Promise<string>
  /** Returns the fields of a token of this installation; undefined for any other text. Rejects like {@link mint}. */
  read(token: string): Promise<readonly string[] | undefined>
}

/** The longest token that is read, in characters. */
const longestToken = 4_096

/** Creates the signer of sessions; its key is kept in the database. */
export function createSessionTokens(ledger: Pick<Ledger, 'findSigningKey'>): SessionTokens {
  let key: Buffer | undefined
  const sign = async (payload: string): Promise<Buffer> => {
    key ??= await ledger.findSigningKey('sessions')
    return createHmac('sha256', key).update(payload).digest()
  }
  return {
    async mint(fields) {
      const payload = Buffer.from(JSON.stringify(fields)).toString('base64url')
      return `${payload}.${(await sign(payload)).toString('base64url')}`
    },
    async read(token) {
      const [payload = '', signature = '', ...more] = token.length > longestToken ? [] : token.split('.')
      if (payload === '' || more.length > 0) return undefined
      const given = Buffer.from(signature, 'base64url')
      const expected = await sign(payload)
      if (given.length !== expected.length || !timingSafeEqual(given, expected)) return undefined
      const fields: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString())
      return isTexts(fields) ? fields : undefined
    },
  }
}

const isTexts = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((field) => typeof field === 'string')
