import { describe, expect, it } from 'vitest'
import { driverAddress, serverOf } from '../../../src/postgres/address.ts'

describe('the address of a Unix socket', () => {
  it.each([
    ['postgres://u:p@%2Fvar%2Frun%2Fpostgresql:6432/d', '/var/run/postgresql/.s.PGSQL.6432'],
    ['postgres://u:p@%2Fvar%2Frun%2Fpostgresql/d', '/var/run/postgresql/.s.PGSQL.5432'],
    ['postgres:///d?host=/tmp&port=6432', '/tmp/.s.PGSQL.6432'],
    ['postgres://localhost/d?host=/tmp', '/tmp/.s.PGSQL.5432'],
    ['postgres://u:p@db:5433/d?host=/tmp', '/tmp/.s.PGSQL.5433'],
    ['postgres://db:5433/d?host=/tmp&port=6432', '/tmp/.s.PGSQL.6432'],
    ['postgres://%2Ftmp:5433/d?port=6432', '/tmp/.s.PGSQL.6432'],
  ])('%s is that of %s', (url, path) => {
    expect(driverAddress(url).options).toEqual({ ssl: false, path })
    expect(driverAddress(url).url).not.toMatch(/[?&](host|port)=/)
    expect(serverOf(url)).toBe(path)
  })

  it('has no TLS, whatever sslmode says, as for libpq', () => {
    const { url, options } = driverAddress('postgres:///d?host=/tmp&sslmode=verify-full&x=1')
    expect(url).toBe('postgres:///d?x=1')
    expect(options).toEqual({ ssl: false, path: '/tmp/.s.PGSQL.5432' })
  })
})

it('a folder of a socket that is not percent-encoded is refused, with what it must be', () => {
  const message = 'DATABASE_URL names the folder of a socket as "%2Fa%zz"; it must be percent-encoded'
  expect(() => driverAddress('postgres://u:p@%2Fa%zz/d')).toThrow(message)
  expect(() => serverOf('postgres://u:p@%2Fa%zz/d')).toThrow(message)
})

describe('the parameters host and port win over the authority, as for libpq', () => {
  it.each([
    ['postgres://u:p@localhost/d?host=db&x=1', 'postgres://u:p@localhost/d?x=1', 'db:5432'],
    ['postgres://localhost:5433/d?host=db', 'postgres://localhost:5433/d', 'db:5433'],
    ['postgres://localhost:5433/d?host=db&port=6432', 'postgres://localhost:5433/d', 'db:6432'],
    ['postgres://db:5433/d?port=6432', 'postgres://db:5433/d', 'db:6432'],
    ['postgres:///d?host=db', 'postgres:///d', 'db:5432'],
    ['postgres:///d?host=a,b&port=1,2', 'postgres:///d', 'a:1,b:2'],
    ['postgres:///d?host=a,b&port=1', 'postgres:///d', 'a:1,b:1'],
  ])('%s', (given, url, host) => {
    expect(driverAddress(given)).toEqual({ url, options: { host } })
    expect(serverOf(given)).toBe(host)
  })

  it('also for the name in the certificate', () => {
    const { options } = driverAddress('postgres://localhost/d?host=db.example&sslmode=verify-full')
    expect(options).toMatchObject({ host: 'db.example:5432', ssl: { host: 'db.example', rejectUnauthorized: true } })
  })

  it.each(['x', '0', '65536', '1,2'])('and a port that is "%s" is refused', (port) => {
    expect(() => driverAddress(`postgres://db/d?port=${port}`)).toThrow(`the port in DATABASE_URL was "${port}"`)
  })
})

it('an address with a host is left as it is', () => {
  expect(driverAddress('postgres://u:p@h:6432/d?x=1')).toEqual({ url: 'postgres://u:p@h:6432/d?x=1', options: {} })
  expect(serverOf('postgres://u:p@h:6432/d')).toBe('h:6432')
})
