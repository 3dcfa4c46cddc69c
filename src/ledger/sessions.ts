import { randomBytes } from 'node:crypto'
import type { Sql } from 'postgres'
import type { RolloutKey } from './attempt.ts'
import { execute } from './statement.ts'

/** An attempt as a wire with sessions finds it again. */
export interface FoundAttempt extends RolloutKey {
  readonly number: number
  readonly itemHash: string
  /** The item as it is stored. */
  readonly item: unknown
  readonly ended: boolean
}

/** A rollout, or the attempt of it with this number. */
export interface AttemptName extends RolloutKey {
  readonly number?: number | undefined
}

/** An item whose content is known already and need not be sent. */
export interface KnownItem {
  readonly itemHash: string
  readonly item: unknown
}

/**
 * Finds an attempt, the latest one by default, with its item; undefined for a rollout that is not recorded.
 *
 * @param known the item that the attempt probably has
 */
export async function findAttempt(
  sql: Sql,
  { run, rolloutId, number }: AttemptName,
  known?: KnownItem,
): Promise<FoundAttempt | undefined> {
  const values = [run, rolloutId, number === undefined ? null : String(number), known?.itemHash ?? null]
  const [row] = await execute<Row>(sql, { text: attemptText, values })
  if (row === undefined) return undefined
  const item = row.item_hash === known?.itemHash ? known.item : row.content
  return { run, rolloutId, number: row.number, itemHash: row.item_hash, item, ended: row.ended }
}

interface Row {
  readonly number: number
  readonly item_hash: string
  readonly content: unknown
  readonly ended: boolean
}

/** The text of the statement that finds an attempt. `$1` is the run of every row that it visits. */
export const attemptText = `
  select r.number::float8 as number, r.item_hash, i.content, r.ended_at is not null as ended
  from rollouts r
  left join items i on i.run = $1::text and i.hash = r.item_hash and r.item_hash is distinct from $4::text
  where r.run = $1::text and r.id = $2::text and ($3::text is null or r.number = $3::text::int8)
  order by r.attempt desc limit 1`

/** Returns the key of this name with which all replicas sign, 32 bytes; makes it at its first use. */
export async function findSigningKey(sql: Sql, name: string): Promise<Buffer> {
  const made = randomBytes(32).toString('base64')
  const insertion = 'insert into signing_keys (name, key) values ($1::text, $2::text) on conflict (name) do nothing'
  const lookup = { text: 'select key from signing_keys where name = $1::text', values: [name] }
  const read = async () => (await execute<{ key: string }>(sql, lookup))[0]?.key
  if ((await read()) === undefined) await execute(sql, { text: insertion, values: [name, made] })
  const found = await read()
  if (found === undefined) throw new Error(`the signing key "${name}" was not stored`)
  return Buffer.from(found, 'base64')
}
