import { setTimeout as sleep } from 'node:timers/promises'
import { isUnavailable } from '../database.ts'
import type { Db, Tx } from '../environment.ts'

/**
 * Runs `body` in a transaction and lends it `tx` for just that long: afterwards, or once the connection is lost, any use
 * of `tx` throws.
 *
 * When the connection is lost, postgres.js rejects the transaction, but whoever goes on to write in it, be it only the
 * `rollback` after the error, writes to a closed socket, and that exception no promise catches
 * (porsager/postgres#1208). So a body whose connection is gone is left without an ending.
 */
export async function lentTransaction<Result>(db: Db, body: (tx: Tx) => Promise<Result>): Promise<Result> {
  let revoke = () => {}
  let isOver = false
  try {
    return await db.transaction((tx) => {
      const lent = Proxy.revocable(tx, {})
      revoke = lent.revoke
      return new Promise((resolve, reject) => {
        body(lent.proxy).then(
          (result) => {
            lent.revoke()
            if (!isOver) resolve(result)
          },
          async (error: unknown) => {
            lent.revoke()
            // The loss itself is heard of a moment after the error that it caused.
            if (isUnavailable(error)) await sleep(100)
            if (!isOver) reject(error)
          },
        )
      })
    })
  } finally {
    isOver = true
    revoke()
  }
}
