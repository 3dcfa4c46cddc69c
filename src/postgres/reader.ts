import { randomBytes } from 'node:crypto'
import type { Sql } from 'postgres'
import { driverAddress } from './address.ts'
import { postgres } from './driver.ts'

/** The answer to a query: a row has one value for each column, in order. Values of `json` and `jsonb` are {@link JsonText}. */
export interface ReadResult {
  readonly columns: readonly string[]
  readonly rows: readonly (readonly unknown[])[]
}

/** JSON as the database wrote it, so that its numbers keep all their digits. */
export interface JsonText {
  readonly json: string
}

type Client = Sql<{ json: JsonText }>

const prefix = 'scorekeeper_reader_'

/** What a statement sees, until its transaction ends: settings of Postgres, by their names. */
export type ReadSettings = Readonly<Record<string, string>>

/**
 * Runs one statement that can only read, under these settings. It is sent by the extended protocol, which takes no second
 * statement, inside a
 * read-only transaction. If the address is that of a superuser, who could also write files and run programs, it runs as
 * a role made for this one statement, which is a member of `pg_read_all_data` alone and is dropped afterwards.
 *
 * @throws Error with Postgres's message when the statement fails or would write, and for COPY.
 * @throws Error that says what to do when a superuser's address cannot be used to log in as another role.
 */
export async function readOnce(url: string, query: string, settings: ReadSettings = {}): Promise<ReadResult> {
  const owner = open(url)
  try {
    const [user] = await owner<
      { superuser: boolean }[]
    >`select rolsuper as superuser from pg_roles where rolname = user`
    if (user?.superuser !== true) return await readWith(owner, query, settings)
    return await readAsReader(owner, url, query, settings)
  } finally {
    await owner.end({ timeout: 5 })
  }
}

function open(url: string): Client {
  const { url: bare, options } = driverAddress(url)
  const json = { to: 114, from: [114, 3802], serialize: String, parse: (text: string): JsonText => ({ json: text }) }
  const settings = { max: 1, prepare: false, fetch_types: false, connect_timeout: 10, onnotice() {}, types: { json } }
  return postgres(bare, { ...settings, ...options })
}

async function readWith(sql: Client, query: string, settings: ReadSettings): Promise<ReadResult> {
  return await sql.begin('isolation level read committed read only', async (tx) => {
    // After a first query Postgres refuses to make the transaction writable again.
    await tx`select 1`
    for (const [name, value] of Object.entries(settings)) await tx`select set_config(${name}, ${value}, true)`
    const extended = { prepare: false, simple: false }
    const result = await tx.unsafe(query, [], extended).values()
    if (!Array.isArray(result)) {
      // The rest of the copied data would keep the connection busy.
      void sql.end({ timeout: 0 })
      throw new Error('COPY is not supported; ask with a query')
    }
    return { columns: result.columns?.map(({ name }) => name) ?? [], rows: result }
  })
}

async function readAsReader(owner: Client, url: string, query: string, settings: ReadSettings): Promise<ReadResult> {
  await dropAbandoned(owner)
  const role = `${prefix}${randomBytes(6).toString('hex')}`
  const password = randomBytes(24).toString('base64url')
  const until = new Date(Date.now() + 60_000).toISOString()
  await owner.unsafe(`create role ${role} login password '${password}' valid until '${until}' in role pg_read_all_data`)
  const address = new URL(url)
  address.username = role
  address.password = password
  const reader = open(address.href)
  try {
    await reader`select 1`.catch((cause: unknown) => {
      throw new Error(notAllowedIn(cause), { cause })
    })
    return await readWith(reader, query, settings)
  } finally {
    await reader.end({ timeout: 5 })
    await owner`drop role ${owner(role)}`
  }
}

const notAllowedIn = (cause: unknown): string =>
  'the user of DATABASE_URL is a superuser, and a role that can only read could not log in in its place ' +
  `(${cause instanceof Error ? cause.message : String(cause)}); set DATABASE_URL to a user that is not a superuser`

/** Drops the roles of processes that were killed before they could. */
async function dropAbandoned(owner: Client): Promise<void> {
  const abandoned = await owner<{ name: string }[]>`
    select rolname as name from pg_roles
    where starts_with(rolname, ${prefix}) and rolvaliduntil < now() - interval '1 hour'`
  // Another process may drop it at the same time.
  for (const { name } of abandoned) await owner`drop role if exists ${owner(name)}`.catch(() => {})
}
