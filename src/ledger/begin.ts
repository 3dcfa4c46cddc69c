import type { Sql } from 'postgres'
import type { Db, Tx } from '../kit/environment.ts'
import { type Attempt, ItemMismatchError, placeOf, type RolloutKey } from './attempt.ts'
import { lockRollout } from './calls/transaction-statements.ts'
import { type KnownItems, keepItem } from './items.ts'
import { connectionOf, execute, isSerializationFailure, isUniqueViolation } from './statement.ts'

/** An attempt that is to begin, unless it has. */
export interface BeginRequest extends RolloutKey {
  readonly itemHash: string
  /** What is recorded of the item. */
  readonly item: unknown
  /** The attempt, if it is known; by default the latest one that the request belongs to, or a new one. */
  readonly number?: number | undefined
  /** The protocol and the name of the key by which the request arrived, recorded with a new attempt. */
  readonly wire?: string | undefined
  readonly key?: string | undefined
  /** Whether the request may join an attempt that was graded meanwhile: a call that is recorded in it, or a grading. */
  readonly isPart: () => Promise<boolean>
}

/** What {@link createBeginner} needs. */
export interface BeginnerSettings {
  readonly sql: Sql
  readonly db: Db
  readonly knownItems: KnownItems
  readonly idleSeconds: number
}

interface Row {
  readonly number: number
  readonly attempt: number
  readonly item_hash: string
  readonly graded: boolean
  readonly ended: boolean
  readonly begun: boolean
}

/** The most times that it is tried again after a conflict with a concurrent statement. */
const maxRepeats = 5

/**
 * Creates the function that begins an attempt: under the rollout's lock, in one transaction, it writes the attempt and its
 * item and runs `hook` in it. However many requests arrive at once on whichever replicas, the hook commits once; all
 * resolve with the same attempt. No lock is waited for longer than `seconds`.
 *
 * Rejects with what `hook` rejects with, and nothing is written then. Throws an {@link ItemMismatchError} for an attempt
 * that was recorded with another item and is not graded.
 */
export function createBeginner({ sql, db, knownItems, idleSeconds }: BeginnerSettings) {
  const inTransaction = async (
    tx: Tx,
    request: BeginRequest,
    seconds: number,
    hook: ((tx: Tx, attempt: Attempt) => Promise<void>) | undefined,
  ): Promise<Attempt> => {
    const { run, rolloutId, itemHash } = request
    const connection = connectionOf(tx)
    const turnMs = Math.ceil(seconds * 1000)
    const named = request.number === undefined ? null : String(request.number)
    const [[locked], [latest]] = await Promise.all([
      execute<{ backend: number }>(connection, lockRollout(request, turnMs, turnMs + 10_000)),
      execute<Row>(connection, { text: latestText, values: [run, rolloutId, named] }),
    ])
    const found = latest && { ...latest, itemHash: latest.item_hash }
    const open = named === null || found === undefined ? found : { ...found, graded: false, ended: false }
    const isPart = open?.graded === true && (await request.isPart())
    const place = placeOf(open, itemHash, isPart)
    if (place === 'other item') throw new ItemMismatchError(rolloutId)
    const isHere = place === 'here' && found !== undefined
    if (isHere && found.begun) {
      return { run, rolloutId, itemHash: found.itemHash, number: found.number, attempt: found.attempt }
    }
    const attempt = isHere ? found.attempt : (found?.attempt ?? 0) + 1
    const at = [isHere ? String(found.number) : null, rolloutId, String(attempt), itemHash, String(idleSeconds)]
    const values = [run, ...at, request.wire ?? null, request.key ?? null]
    const isKnown = knownItems.has(request)
    const keep = () => execute(connection, keepItem(request))
    const [[written]] = await Promise.all([
      execute<{ number: number; is_new_run: boolean }>(connection, { text: beginningText, values }),
      isKnown ? [] : keep(),
    ])
    // The run was deleted, and its items with it.
    if (isKnown && written?.is_new_run) await keep()
    if (written === undefined) throw new Error('the ledger returned no row for an attempt that begins')
    const begun = { run, rolloutId, itemHash, number: written.number, attempt }
    await hook?.(tx, begun).catch(async (error: unknown) => {
      // A statement of the hook that still runs would keep the connection and the lock until it ends.
      if (locked) await sql`select pg_cancel_backend(${locked.backend})`.catch(() => undefined)
      throw error
    })
    return begun
  }

  return async (
    request: BeginRequest,
    seconds: number,
    hook?: (tx: Tx, attempt: Attempt) => Promise<void>,
  ): Promise<Attempt> => {
    for (let repeats = 0; ; repeats += 1) {
      try {
        const isKnown = knownItems.has(request)
        const attempt = await db.transaction((tx) => inTransaction(tx, request, seconds, hook))
        if (!isKnown) knownItems.add(request.run, [request.itemHash])
        return attempt
      } catch (error) {
        // A failure of another request may be recorded at the same time, which makes the attempt too.
        const isConflict = isSerializationFailure(error) || isUniqueViolation(error)
        if (!isConflict || repeats === maxRepeats) throw error
      }
    }
  }
}

const latestText = `
  select number::float8 as number, attempt, item_hash, graded_at is not null as graded, ended_at is not null as ended,
    begun_at is not null as begun
  from rollouts
  where run = $1::text and id = $2::text and ($3::text is null or number = $3::text::int8)
  order by attempt desc limit 1`

/** The text of the statement that writes an attempt that begins. `$1` is the run of every row that it visits. */
export const beginningText = `
  with kept_run as (
    insert into runs (name) values ($1::text) on conflict (name) do nothing returning 1
  )
  insert into rollouts as r (run, number, id, attempt, item_hash, due_at, wire, key_name, begun_at)
  values ($1::text, coalesce($2::text::int8, nextval('rollout_numbers')), $3::text, $4::text::int, $5::text,
    now() + make_interval(secs => $6::text::float8), $7::text, $8::text, now())
  on conflict (run, id, attempt) do update set begun_at = now(), due_at = excluded.due_at
  returning number::float8 as number, exists (select from kept_run) as is_new_run`
