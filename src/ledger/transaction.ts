import type { Db, Tx } from '../environment.ts'

/**
 * Runs `body` in a transaction and lends it `tx` for just that long: afterwards any use of it throws, so that a tool
 * which outlives its time cannot write on a connection that serves somebody else by then.
 */
export function lentTransaction<Result>(db: Db, body: (tx: Tx) => Promise<Result>): Promise<Result> {
  return db.transaction(async (tx) => {
    const lent = Proxy.revocable(tx, {})
    try {
      return await body(lent.proxy)
    } finally {
      lent.revoke()
    }
  })
}
