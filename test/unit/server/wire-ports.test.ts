import { Hono } from 'hono'
import { describe, expect, it } from 'vitest'
import { parseApiKeys } from '../../../src/server/auth/keys.ts'
import { chooseWires, type WireSettings } from '../../../src/server/http/wire-ports.ts'
import type { Wire } from '../../../src/wires/wire.ts'

const wire = (name: string, sendsKey: boolean): Wire => ({
  name,
  prefix: `/${name}`,
  sendsKey,
  describe: () => ({}),
  create: () => new Hono(),
})
const keyed = wire('keyed', true)
const keyless = wire('keyless', false)

const open: WireSettings['auth'] = { keys: [], keyHeaders: [] }
const closed: WireSettings['auth'] = { ...open, keys: parseApiKeys('a-key-of-sixteen-characters') }

const choose = (settings: Partial<WireSettings> = {}) =>
  chooseWires([keyed, keyless], { wires: undefined, wirePorts: [], host: '127.0.0.1', auth: closed, ...settings })
const portOf = (name: string, host: string | undefined, more: Partial<WireSettings> = {}) =>
  choose({ wirePorts: [{ wire: name, host, port: 8001, run: 'a' }], ...more }).ports[0]

describe('the wires under a prefix', () => {
  it('are all by default, otherwise those that WIRES names; agent-rft is always on and may be named', () => {
    expect(choose().wires).toEqual([keyed, keyless])
    expect(choose({ wires: ['keyless'] }).wires).toEqual([keyless])
    expect(choose({ wires: ['agent-rft'] }).wires).toEqual([])
  })

  it('must exist', () => {
    expect(() => choose({ wires: ['nemo'] })).toThrow(
      'WIRES names the wire "nemo", which does not exist; the wires are: keyed, keyless',
    )
    expect(() => portOf('nemo', undefined)).toThrow('WIRE_PORTS names the wire "nemo"')
  })
})

describe('the port of a wire whose client sends a key', () => {
  it('is on the address of the server by default', () => {
    expect(portOf('keyed', undefined, { host: '0.0.0.0' })).toEqual({
      wire: keyed,
      host: '0.0.0.0',
      port: 8001,
      run: 'a',
    })
    expect(portOf('keyed', '10.0.0.5')).toMatchObject({ host: '10.0.0.5' })
  })

  it('is refused where other machines reach it and no key is configured', () => {
    expect(portOf('keyed', undefined, { auth: open })).toMatchObject({ host: '127.0.0.1' })
    expect(() => portOf('keyed', '10.0.0.5', { auth: open })).toThrow('set API_KEYS, JWT_SECRET or JWT_JWKS_URL')
  })
})

describe('the port of a wire whose client can send no key', () => {
  it('is on loopback by default, whatever the address of the server', () => {
    expect(portOf('keyless', undefined, { host: '0.0.0.0' })).toMatchObject({ host: '127.0.0.1' })
  })

  it.each(['10.0.0.5', '192.168.1.5', '172.31.0.1', '127.0.0.2', '::1', 'fd00::5', '100.64.0.1', 'localhost'])(
    'may be on %s',
    (host) => {
      expect(portOf('keyless', host)).toMatchObject({ host })
    },
  )

  it.each(['8.8.8.8', '2600::1', '::ffff:8.8.8.8'])('is refused on the public address %s', (host) => {
    expect(() => portOf('keyless', host)).toThrow(
      `keyless on ${host}, which is a public address, and its client can send no key`,
    )
  })

  it.each(['0.0.0.0', '::', '0:0:0:0:0:0:0:0', '::ffff:0.0.0.0'])(
    'is refused on every address of the machine: %s',
    (host) => {
      expect(() => portOf('keyless', host)).toThrow('which is every address of this machine')
    },
  )
})
