import { spawnSync } from 'node:child_process'
import { sql as query } from 'drizzle-orm'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { withTlsVariables } from '../../../src/postgres/address.ts'
import { openDatabase } from '../../../src/postgres/database.ts'
import { migrate } from '../../../src/postgres/migrate.ts'
import { openServerDatabase } from '../../../src/postgres/open-database.ts'
import { loadConfig } from '../../../src/server/config/config.ts'
import { createTestDatabase, type TestDatabase } from '../../support/database.ts'
import { type Certificates, makeCertificates, startTlsFront, type TlsFront } from '../../support/postgres/tls-front.ts'
import { makeFolder, removeFolder } from '../../support/temporary.ts'

const hasOpenssl = spawnSync('openssl', ['version']).status === 0

describe.runIf(hasOpenssl)('an address with TLS parameters', () => {
  let home: TestDatabase
  let folder: string
  let certificates: Certificates
  let front: TlsFront

  beforeAll(async () => {
    home = await createTestDatabase()
    folder = makeFolder()
    certificates = makeCertificates(folder)
    front = await startTlsFront(home.url, certificates)
  })

  beforeEach(() => {
    front.clients.length = 0
  })

  afterAll(async () => {
    await front.close()
    await removeFolder(folder)
    await home.drop()
  })

  const addressAt = (host: string, parameters: Readonly<Record<string, string>>): string => {
    const url = new URL(home.url)
    url.host = `${host}:${front.port}`
    for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value)
    return url.href
  }

  /** Connects as migrations, the ledger and the tools do; returns how the server saw them. */
  async function connect(url: string): Promise<string[]> {
    await migrate(url)
    const database = openDatabase({ url, poolSize: 1 })
    try {
      await database.sql`select 1`
      await database.db.execute(query`select 1`)
    } finally {
      await database.close()
    }
    return [...front.clients]
  }
  const thrice = (client: string) => [client, client, client]

  it('connects without TLS if it has none, and if it disables TLS', async () => {
    expect(await connect(addressAt('localhost', {}))).toEqual(thrice('plain'))
    front.clients.length = 0
    const disabled = { sslmode: 'disable', sslcert: '/nowhere', sslrootcert: '/nowhere' }
    expect(await connect(addressAt('localhost', disabled))).toEqual(thrice('plain'))
  })

  it.each(['allow', 'prefer', 'require'])('does not verify the server with only sslmode=%s', async (sslmode) => {
    expect(await connect(addressAt('localhost', { sslmode }))).toEqual(thrice('none'))
  })

  it('presents a client certificate, including one with an encrypted key', async () => {
    const { cert, key } = certificates.client
    const url = addressAt('localhost', { sslmode: 'require', sslcert: cert, sslkey: key })
    expect(await connect(url)).toEqual(thrice('scorekeeper'))
    front.clients.length = 0
    const encrypted = { sslcert: cert, sslkey: certificates.encryptedKey, sslpassword: 'secret' }
    expect(await connect(addressAt('localhost', { sslmode: 'require', ...encrypted }))).toEqual(thrice('scorekeeper'))
  })

  it.each([
    ['require', 'localhost', 'root', true],
    ['require', '127.0.0.1', 'root', true],
    ['require', 'localhost', 'otherRoot', false],
    ['verify-ca', 'localhost', 'root', true],
    ['verify-ca', '127.0.0.1', 'root', true],
    ['verify-ca', 'localhost', 'otherRoot', false],
    ['verify-full', 'localhost', 'root', true],
    ['verify-full', '127.0.0.1', 'root', false],
    ['verify-full', 'localhost', 'otherRoot', false],
    ['verify-full', 'localhost', 'system', false],
  ] as const)(
    'verifies the server: sslmode=%s, host %s, sslrootcert of %s → %s',
    async (sslmode, host, root, isTrusted) => {
      const sslrootcert = root === 'system' ? root : certificates[root]
      const connected = connect(addressAt(host, { sslmode, sslrootcert }))
      if (isTrusted) expect(await connected).toEqual(thrice('none'))
      else await expect(connected).rejects.toThrow(/certificate|altnames/)
    },
  )

  it('verifies the server with sslrootcert=system if no sslmode is set', async () => {
    await expect(connect(addressAt('localhost', { sslrootcert: 'system' }))).rejects.toThrow('certificate')
  })

  it.each([
    [{ sslmode: 'require', sslcert: 'a' }, 'sslcert and sslkey must be set together'],
    [{ sslmode: 'require', sslkey: 'a' }, 'sslcert and sslkey must be set together'],
    [{ sslmode: 'require', sslcrl: 'a' }, 'sslcrl is not supported: revocation lists are not read; remove it'],
    [
      { sslmode: 'strict' },
      'sslmode was "strict"; it must be one of disable, allow, prefer, require, verify-ca, verify-full',
    ],
    [
      { sslrootcert: '/a' },
      'sslrootcert has no effect with no sslmode, which also accepts connections without TLS; set',
    ],
    [{ sslmode: 'prefer', sslcert: '/a', sslkey: '/b' }, 'sslcert, sslkey have no effect with sslmode=prefer'],
    [
      { sslmode: 'verify-full', sslrootcert: '/nowhere/root.crt' },
      'sslrootcert was "/nowhere/root.crt"; it must name a file',
    ],
  ])('is refused, never followed in part: %j', async (parameters, message) => {
    const url = addressAt('localhost', parameters)
    expect(() => openDatabase({ url, poolSize: 1 })).toThrow(message)
    const config = loadConfig({ DATABASE_URL: url })
    await expect(openServerDatabase(config)).rejects.toThrow(
      `cannot use the Postgres at localhost:${front.port}, which DATABASE_URL names: ${message}`,
    )
    expect(front.clients).toEqual([])
  })

  it('falls back to the variables of libpq for missing parameters', async () => {
    const { cert, key } = certificates.client
    const variables = { PGSSLMODE: 'verify-full', PGSSLROOTCERT: certificates.root, PGSSLCERT: cert, PGSSLKEY: key }
    const { databaseUrl = '' } = loadConfig({ DATABASE_URL: addressAt('localhost', {}), ...variables })
    expect(await connect(databaseUrl)).toEqual(thrice('scorekeeper'))
    const refused = withTlsVariables(addressAt('localhost', {}), {
      ...variables,
      PGSSLROOTCERT: certificates.otherRoot,
    })
    await expect(connect(refused)).rejects.toThrow('certificate')
    const own = addressAt('localhost', { sslmode: 'require', sslrootcert: certificates.root })
    expect(withTlsVariables(own, { PGSSLMODE: 'disable', PGSSLROOTCERT: '/other', PGSSLKEY: '' })).toBe(own)
    const { databaseUrl: half = '' } = loadConfig({ DATABASE_URL: home.url, PGSSLROOTCERT: certificates.root })
    expect(() => openDatabase({ url: half, poolSize: 1 })).toThrow('sslrootcert has no effect with no sslmode')
  })

  it('may have other client libraries’ parameters, which migrations ignore too', async () => {
    const foreign = {
      channel_binding: 'require',
      pgbouncer: 'true',
      schema: 'public',
      connect_timeout: '3',
      sslsni: '1',
    }
    expect(await connect(addressAt('localhost', { sslmode: 'require', ...foreign }))).toEqual(thrice('none'))
  })
})
