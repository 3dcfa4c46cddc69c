import { createHash, timingSafeEqual } from 'node:crypto'
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createKeyFinder, parseApiKeys } from '../../../../src/server/auth/keys.ts'

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')
const KEY = 'correct-horse-battery-staple'

describe('API_KEYS', () => {
  it('gives a key without scopes those of a trainer', () => {
    expect(parseApiKeys(KEY)).toEqual([{ name: 'key-1', scopes: ['tools', 'grade'], sha256: sha256(KEY) }])
  })

  it('reads scopes and a name in front of a key', () => {
    expect(parseApiKeys(`dashboard:read=${KEY}`)).toEqual([
      { name: 'dashboard', scopes: ['read'], sha256: sha256(KEY) },
    ])
    expect(parseApiKeys(`tools+read=${KEY}`)[0]).toMatchObject({ name: 'key-1', scopes: ['tools', 'read'] })
  })

  it('accepts a key by its hash, with and without scopes in front', () => {
    expect(parseApiKeys(`admin=sha256:${sha256(KEY)}`)[0]).toMatchObject({ scopes: ['admin'], sha256: sha256(KEY) })
    expect(parseApiKeys(`sha256:${sha256(KEY).toUpperCase()}`)[0]).toMatchObject({ sha256: sha256(KEY) })
  })

  it('reads the runs that a key is bound to', () => {
    const [bound, unbound] = parseApiKeys(`lab:tools+grade@final+exp-*+final=${KEY}1 read=${KEY}@2`)
    expect(bound).toMatchObject({ name: 'lab', scopes: ['tools', 'grade'], runs: ['final', 'exp-*'] })
    expect(unbound).not.toHaveProperty('runs')
    expect(createKeyFinder(parseApiKeys(`tools@exp-*=${KEY}`))(KEY)?.runs).toEqual(['exp-*'])
  })

  it.each([
    ['c2VjcmV0LXZhbHVlLTE=', 'c2VjcmV0LXZhbHVlLTE='],
    ['c2VjcmV0LXZhbHVlLWE0PQ==', 'c2VjcmV0LXZhbHVlLWE0PQ=='],
    ['tools=c2VjcmV0LXZhbHVlLTE=', 'c2VjcmV0LXZhbHVlLTE='],
    ['read=a=b:c=d+e/f==g/h=ijkl==', 'a=b:c=d+e/f==g/h=ijkl=='],
    ['user:password-of-the-user', 'user:password-of-the-user'],
    ['me:grade=user:password-of-the-user', 'user:password-of-the-user'],
  ])('keeps "=" and ":" that belong to the key: %s', (text, key) => {
    expect(parseApiKeys(text)[0]?.sha256).toBe(sha256(key))
  })

  it('separates entries by commas, spaces and line breaks', () => {
    const text = `${KEY}1, read=${KEY}2\n  old:tools=${KEY}3,,new:tools=${KEY}4 `
    expect(parseApiKeys(text).map(({ name }) => name)).toEqual(['key-1', 'key-2', 'old', 'new'])
  })

  it.each([
    ['short', /entry 1.*at least 16 characters, this one has 5/],
    [`${KEY} tools=short`, /entry 2.*at least 16/],
    [`admim=${KEY}`, /entry 1.*not a list of scopes/],
    [`tools+=${KEY}`, /entry 1.*not a list of scopes/],
    [`=${KEY}`, /entry 1.*not a list of scopes/],
    [`:tools=${KEY}`, /entry 1.*name before ":"/],
    [`tools@=${KEY}`, /entry 1.*not a list of runs/],
    [`tools@a@b=${KEY}`, /entry 1.*not a list of runs/],
    [`tools@a+*b=${KEY}`, /entry 1.*not a list of runs/],
    [`tools@..=${KEY}`, /entry 1.*not a list of runs/],
    [`tools@a/b=${KEY}`, /entry 1.*not a list of runs/],
    [`@a=${KEY}`, /entry 1.*not a list of scopes/],
    ['sha256:1234', /entry 1.*64 hex digits/],
    [`admin=sha256:${'z'.repeat(64)}`, /entry 1.*64 hex digits/],
    ['schlüssel-mit-umlaut', /entry 1.*visible ASCII/],
    [`${KEY} admin=sha256:${sha256(KEY)}`, /entry 2 is the same key as entry 1/],
    [' , ', /contains no key/],
    [`${KEY} sha256:${sha256('')}`, /entry 2.*hash of an empty string/],
  ])('refuses %s and says which entry is invalid, and why', (text, message) => {
    expect(() => parseApiKeys(text)).toThrow(message)
  })

  it('never shows any part of a key in a message', () => {
    const piece = fc.stringMatching(/^[A-Za-z0-9:=+/._-]{8,30}$/)
    fc.assert(
      fc.property(
        piece,
        fc.constantFrom('', 'tools=', 'sha256:', 'x:y=', 'admim=', 'tools@', 'tools@a@'),
        (secret, front) => {
          try {
            parseApiKeys(`${front}${secret}`)
          } catch (error) {
            expect(String(error)).not.toContain(secret)
          }
        },
      ),
    )
  })
})

describe('finding the owner of a key', () => {
  const find = createKeyFinder(parseApiKeys(`old:tools=${KEY}-old new:tools=${KEY}-new boss:admin=${KEY}-boss`))

  it('accepts both the old and the new key during a rotation', () => {
    expect(find(`${KEY}-old`)?.subject).toBe('old')
    expect(find(`${KEY}-new`)?.subject).toBe('new')
  })

  it('lets admin do everything', () => {
    expect([...(find(`${KEY}-boss`)?.scopes ?? [])]).toEqual(['tools', 'grade', 'read', 'metrics', 'admin'])
  })

  it.each(['', KEY, `${KEY}-ol`, `${KEY}-old `, `${KEY}-OLD`, sha256(`${KEY}-old`), `sha256:${sha256(`${KEY}-old`)}`])(
    'finds no owner for "%s"',
    (presented) => {
      expect(find(presented)).toBeUndefined()
    },
  )
})

describe('how long finding the owner of a key takes', () => {
  const keys = parseApiKeys(
    ['first', 'second', 'third', 'fourth'].map((word) => `${word}:read=${KEY}-${word}`).join(' '),
  )

  it('is the same for every key and for none: every digest is compared in full', () => {
    const compared: [number, number][] = []
    const find = createKeyFinder(keys, (one, other) => {
      compared.push([one.length, other.length])
      return timingSafeEqual(one, other)
    })
    for (const presented of [`${KEY}-first`, `${KEY}-fourth`, 'x', '', 'x'.repeat(8_000)]) {
      compared.length = 0
      find(presented)
      expect(compared).toEqual(Array(keys.length).fill([32, 32]))
    }
  })

  it("uses Node's constant-time comparison", () => {
    const source = readFileSync(new URL('../../../../src/server/auth/keys.ts', import.meta.url), 'utf8')
    const finder = source.slice(source.indexOf('export function createKeyFinder'))
    expect(finder).toMatch(/equal: .* = timingSafeEqual,/)
    // The presented key is hashed and not used otherwise.
    expect(finder.match(/\bpresented\b/g)).toHaveLength(3)
    expect(finder).toMatch(/hash\('sha256', presented, 'buffer'\)/)
    expect(finder).not.toMatch(/===|!==|startsWith|includes|\.find\(|break/)
  })
})
