import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readAllowedAddresses } from '../../../../src/runtime/outbound/addresses.ts'
import { createOutbound } from '../../../../src/runtime/outbound/outbound.ts'
import { OutboundError } from '../../../../src/runtime/outbound/outbound-error.ts'
import { runs } from '../../../support/runs.ts'

const list =
  'https://graders.example.com/v1/, http://10.0.0.5:9000, https://xn--bcher-kva.example/a/b,http://localhost:9000/,http://[::1]:9000/'
const looked: string[] = []
const outbound = createOutbound({
  allowed: readAllowedAddresses(list),
  seconds: 5,
  maxBytes: 1_000,
  resolve: async (hostname) => {
    looked.push(hostname)
    return []
  },
})
const isRefused = (address: string) => {
  try {
    outbound.check(address)
    return false
  } catch (error) {
    if (error instanceof OutboundError && error.reason === 'refused') return true
    throw error
  }
}

describe('an address in the list', () => {
  it.each([
    'https://graders.example.com/v1/',
    'https://graders.example.com/v1/grade',
    'https://graders.example.com/v1/grade?code=abc/../x&y=%2F%2e',
    'https://graders.example.com/v1/@user/grade',
    'https://graders.example.com:443/v1/grade',
    'HTTPS://Graders.Example.COM/v1/grade',
    'https://graders.example.com/v1/a%20b/c;d=e/...',
    'http://10.0.0.5:9000',
    'http://10.0.0.5:9000/any/path',
    'https://xn--bcher-kva.example/a/b',
    'https://xn--bcher-kva.example/a/b/c',
    'http://localhost:9000/grade',
    'http://[::1]:9000/grade',
    'http://[0:0:0:0:0:0:0:1]:9000/grade',
  ])('is allowed: %s', (address) => expect(isRefused(address)).toBe(false))
})

const evil = [
  // Another host, scheme or port.
  'https://evil.example/v1/grade',
  'http://graders.example.com/v1/grade',
  'https://graders.example.com:8443/v1/grade',
  'https://graders.example.com.evil.example/v1/grade',
  'https://evilgraders.example.com/v1/grade',
  'https://sub.graders.example.com/v1/grade',
  'https://graders.example.com./v1/grade',
  'http://10.0.0.5/',
  'http://10.0.0.5:90000/',
  'http://10.0.0.50:9000/',
  // The same IP address in another spelling.
  'http://0xa.0.0.5:9000/',
  'http://012.0.0.5:9000/',
  'http://167772165:9000/',
  'http://10.5:9000/',
  'http://[::ffff:10.0.0.5]:9000/',
  'http://127.0.0.1:9000/',
  'http://localhost.:9000/',
  'http://[::]:9000/',
  // A user before the host, or what looks like one.
  'https://graders.example.com@evil.example/v1/grade',
  'https://graders.example.com%40evil.example/v1/grade',
  'https://graders.example.com:443@evil.example/v1/grade',
  'https://user:password@graders.example.com/v1/grade',
  'https://@graders.example.com/v1/grade',
  'https://evil.example#@graders.example.com/v1/grade',
  'https://evil.example?@graders.example.com/v1/grade',
  'https://evil.example\\@graders.example.com/v1/grade',
  'https://graders.example.com\\@evil.example/v1/grade',
  'https:\\\\graders.example.com\\v1\\grade',
  'https:/graders.example.com/v1/grade',
  'https:graders.example.com/v1/grade',
  'https:///graders.example.com/v1/grade',
  '//graders.example.com/v1/grade',
  // White space, control characters, other scripts.
  ' https://graders.example.com/v1/grade',
  'https://graders.example.com/v1/grade\n',
  'ht\ntps://graders.example.com/v1/grade',
  'https://graders.example.com/v1/grade HTTP/1.1\r\nHost: evil.example\r\n\r\n',
  'https://graders.example.com\t/v1/grade',
  'https://graders.example.com\u0000.evil.example/v1/grade',
  'https://ｇraders.example.com/v1/grade',
  'https://graders。example.com/v1/grade',
  'https://gr\u00adaders.example.com/v1/grade',
  'https://bücher.example/a/b',
  'http://lo\u200bcalhost:9000/',
  'https://%67raders.example.com/v1/grade',
  // Another path, and ways out of this one.
  'https://graders.example.com/',
  'https://graders.example.com/v1',
  'https://graders.example.com/v10/grade',
  'https://graders.example.com/V1/grade',
  'https://graders.example.com//v1/grade',
  'https://graders.example.com/v1/../admin',
  'https://graders.example.com/v1/../v1/grade',
  'https://graders.example.com/v1/./grade',
  'https://graders.example.com/v1/%2e%2e/admin',
  'https://graders.example.com/v1/.%2E/admin',
  'https://graders.example.com/v1/..%2fadmin',
  'https://graders.example.com/v1/..;/admin',
  'https://graders.example.com/v1/..;a=b/admin',
  'https://graders.example.com/v1/%252e%252e/admin',
  'https://graders.example.com/v1%2fgrade',
  'https://graders.example.com/v1/..%5cadmin',
  'https://graders.example.com/v1\\..\\admin',
  'https://graders.example.com/v1/a\\..\\b',
  'https://graders.example.com/v1/%2e%2e/v1/grade',
  'https://graders.example.com/v1/grade#x',
  'https://graders.example.com/v1/%00',
  'https://graders.example.com/v1/%0d%0aHost:%20evil.example',
  'https://graders.example.com/v1/%u002e%u002e/admin',
  'https://graders.example.com?/v1/grade',
  'https://graders.example.com#/v1/grade',
  'https://xn--bcher-kva.example/a/bc',
  'https://xn--bcher-kva.example/a',
  // Not an http address.
  '',
  '/v1/grade',
  'graders.example.com/v1/grade',
  'file:///etc/passwd',
  'ftp://graders.example.com/v1/grade',
  'data:application/json,{"score":1}',
  'javascript:alert(1)',
  'gopher://10.0.0.5:9000/_POST',
  'unix:///var/run/docker.sock',
  'https://[v1.fe80::a+en1]/v1/',
  `https://graders.example.com/v1/${'a'.repeat(10_000)}`,
]

describe('any other address', () => {
  it.each(evil.map((address) => [JSON.stringify(address.slice(0, 80)), address]))(
    'is refused: %s',
    async (_, address) => {
      expect(isRefused(address)).toBe(true)
      await expect(outbound.post(address, {})).rejects.toMatchObject({ name: 'OutboundError', reason: 'refused' })
      expect(looked).toEqual([])
    },
  )

  it('is refused with the name of the setting, without the path and the query of the address', () => {
    const refused = (address: string) => () => outbound.check(address)
    expect(refused('https://evil.example/secret-path?code=secret')).toThrow(
      /^https:\/\/evil\.example is not in ALLOWED_ADDRESSES; add it there to allow it$/,
    )
    expect(refused('https://graders.example.com/secret-path?code=secret')).toThrow(
      /^this path of https:\/\/graders\.example\.com is not in ALLOWED_ADDRESSES/,
    )
    expect(refused('https://user:secret@evil.example/')).toThrow(/^the address contains a user or password$/)
  })

  it('is never allowed, whatever its parts', () => {
    const pieces = [
      ...[
        'https',
        'http',
        'HTTPS',
        'ftp',
        ':',
        '://',
        '/',
        '//',
        '\\',
        '@',
        '?',
        '#',
        '.',
        '..',
        '%2e',
        '%2F',
        '%5c',
        '%25',
      ],
      ...[
        '%252e',
        ';',
        ':443',
        ':80',
        ':9000',
        'graders',
        'graders.example.com',
        'evil.example',
        'example.com',
        '/v1/',
      ],
      ...[
        'v1',
        'V1',
        'admin',
        'localhost',
        '10.0.0.5',
        '10.5',
        '[::1]',
        'https://graders.example.com/v1/',
        ' ',
        '\t',
        '\n',
      ],
      ...['https://graders.example.com', 'http://10.0.0.5:9000', '\u3002', '\u00ad', '\u0000', '%00', '&', '='],
    ]
    const made = fc.oneof(
      fc.array(fc.constantFrom(...pieces), { maxLength: 12 }).map((parts) => parts.join('')),
      fc
        .tuple(fc.constantFrom('https://graders.example.com/v1/', 'https://graders.example.com/v1', ''), fc.string())
        .map(([start, end]) => start + end),
      fc.webUrl({ withQueryParameters: true, withFragments: true }),
    )
    let allowed = 0
    fc.assert(
      fc.property(made, (address) => {
        if (isRefused(address)) return
        allowed += 1
        expect(isUnderAnEntry(address)).toBe(true)
      }),
      { numRuns: runs(20_000), seed: 4 },
    )
    expect(allowed).toBeGreaterThan(100)
  })
})

/** Reads an address differently from the list: as text, decoded until nothing is left to decode. */
function isUnderAnEntry(address: string): boolean {
  const [, scheme = '', authority = '', rest = ''] = /^([a-z]+):\/\/([^/?#]*)([^?]*)/iu.exec(address) ?? []
  const origin = `${scheme}://${authority}`.toLowerCase()
  const walked: string[] = []
  for (const segment of decoded(rest).replaceAll('\\', '/').split('/')) {
    if (/^\.\.(?:;|$)/u.test(segment)) walked.pop()
    else walked.push(segment)
  }
  const path = walked.join('/')
  switch (origin) {
    case 'https://graders.example.com':
    case 'https://graders.example.com:443':
      return path.startsWith('/v1/')
    case 'http://10.0.0.5:9000':
    case 'http://localhost:9000':
    case 'http://[::1]:9000':
      return true
    default:
      return false
  }
}

function decoded(text: string): string {
  const once = text.replaceAll(/%([0-9a-f]{2})/giu, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
  return once === text ? text : decoded(once)
}

describe('the setting', () => {
  it('is a list of origins, with or without a path', () => {
    expect(readAllowedAddresses('https://Graders.example.com:443/v1/ ,http://localhost:9000,')).toEqual([
      { origin: 'https://graders.example.com', path: '/v1/' },
      { origin: 'http://localhost:9000', path: '/' },
    ])
    expect(readAllowedAddresses('')).toEqual([])
  })

  it.each([
    [
      'https://a.example, graders.example.com',
      'entry 2 of ALLOWED_ADDRESSES does not begin with http:// or https:// and a host',
    ],
    ['https://u:secret@a.example', 'entry 1 of ALLOWED_ADDRESSES contains a user or password'],
    ['https://*.example.com', 'entry 1 of ALLOWED_ADDRESSES has a wildcard'],
    ['https://a.example/?x=1', 'entry 1 of ALLOWED_ADDRESSES has a query string'],
    ['https://a.example/a/../b', 'entry 1 of ALLOWED_ADDRESSES has "." or ".." in its path'],
    ['https://bücher.example', 'entry 1 of ALLOWED_ADDRESSES contains white space or a character that is not ASCII'],
    ['https://a.example.', 'entry 1 of ALLOWED_ADDRESSES has a dot at the end of its host'],
    ['http://0x7f.1', 'entry 1 of ALLOWED_ADDRESSES has a host in an unusual spelling'],
    ['*', 'entry 1 of ALLOWED_ADDRESSES does not begin'],
  ])('reports what is wrong with %s without repeating a password', (text, message) => {
    expect(() => readAllowedAddresses(text)).toThrow(message)
    expect(() => readAllowedAddresses(text)).not.toThrow('secret')
    expect(() => readAllowedAddresses(text)).toThrow('must be an address such as https://graders.example.com')
  })
})
