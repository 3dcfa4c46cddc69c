import { describe, expect, it } from 'vitest'
import { driverAddress, serverOf } from '../../../src/postgres/address.ts'

describe('the address of a Unix socket', () => {
  it.each([
    ['postgres://u:p@%2Fvar%2Frun%2Fpostgresql:6432/d', '/var/run/postgresql/.s.PGSQL.6432'],
    ['postgres://u:p@%2Fvar%2Frun%2Fpostgresql/d', '/var/run/postgresql/.s.PGSQL.5432'],
    ['postgres:///d?host=/tmp&port=6432', '/tmp/.s.PGSQL.6432'],
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

it('an address with a host is left as it is', () => {
  expect(driverAddress('postgres://u:p@h:6432/d?x=1')).toEqual({ url: 'postgres://u:p@h:6432/d?x=1', options: {} })
  expect(serverOf('postgres://u:p@h:6432/d')).toBe('h:6432')
})
