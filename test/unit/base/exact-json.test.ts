import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bigintIn, parseExactly, stringifyExactly } from '../../../src/base/exact-json.ts'
import { contentHash, maxJsonDepth, parseJson, storableText } from '../../../src/base/json.ts'

const big = '9007199254740993'
const next = '9007199254740992'

describe('an integer that a double cannot represent', () => {
  it.each([big, `-${big}`, '1152921504606846976', '123456789012345678901234567890', '1000000000000000000001'])(
    'is parsed and serialized exactly: %s',
    (digits) => {
      expect(parseExactly(digits)).toBe(BigInt(digits))
      expect(stringifyExactly(parseExactly(`{"a":[${digits}]}`))).toBe(`{"a":[${digits}]}`)
      expect(storableText(parseJson(`{"a":"\\ud800","b":${digits}}`))).toBe(`{"a":"\uFFFD","b":${digits}}`)
    },
  )

  it.each(['9007199254740992', '1e300', '0.1234567890123456789', '12345678901234567.5', '-1'])(
    'is the only kind of number that becomes a bigint: %s does not',
    (digits) => expect(parseExactly(digits)).toBe(Number(digits)),
  )

  it('is distinguished from a large number that Postgres stores in full', () => {
    for (const number of [1e21, -1.7976931348623151e308, 1.5e16, 123456789012345680000]) {
      expect(
        parseExactly(Number(number).toLocaleString('en', { useGrouping: false, maximumSignificantDigits: 17 })),
      ).toBe(number)
    }
  })

  it('is not recognized inside strings', () => {
    const text = `{"${big}":"${big}","b":"\\"${big}","c":"\\\\"}`
    expect(parseExactly(`[${text},${big}]`)).toEqual([JSON.parse(text), BigInt(big)])
    expect(stringifyExactly([big, BigInt(big)])).toBe(`["${big}",${big}]`)
  })

  it('has a different hash than the next integer', () => {
    expect(contentHash(parseJson(`{"id":${big}}`))).not.toBe(contentHash(parseJson(`{"id":${next}}`)))
    expect(contentHash(parseJson(`{"id":${big}}`))).toBe(contentHash(parseJson(` { "id" : ${big} } `)))
  })

  it('is found with its path', () => {
    expect(bigintIn(parseExactly(`{"lines":[{"id":1},{"id":${big}}]}`))).toEqual({
      path: '.lines[1].id',
      value: BigInt(big),
    })
    expect(bigintIn({ a: [1, null, 'x'] })).toBeUndefined()
  })

  it('is parsed without prototype pollution by a "__proto__" key', () =>
    expect(Object.keys(Object(parseExactly(`{"__proto__":${big},"a":1}`)))).toEqual(['__proto__', 'a']))

  it('does not bypass the limits on depth and size', () => {
    const deep = '['.repeat(maxJsonDepth + 1) + big + ']'.repeat(maxJsonDepth + 1)
    expect(() => parseJson(deep)).toThrow('nested deeper')
    expect(() => parseJson('['.repeat(100_000) + big + ']'.repeat(100_000))).toThrow('nested deeper')
    expect(() => parseJson('9'.repeat(400))).toThrow(RangeError)
  })
})

it('JSON with such integers survives a round trip', () => {
  const integer = fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n })
  const value = fc.letrec((tie) => ({
    any: fc.oneof(integer, fc.string(), fc.boolean(), fc.constant(null), tie('list'), tie('object')),
    list: fc.array(tie('any'), { maxLength: 4 }),
    object: fc.dictionary(fc.string(), tie('any'), { maxKeys: 4 }),
  })).any
  fc.assert(
    fc.property(value, (one) => {
      const read = parseExactly(stringifyExactly(one))
      // From 1e21 on a number that is exact is written with an exponent: the same value in another text.
      expect(parseExactly(stringifyExactly(read))).toEqual(read)
    }),
    { numRuns: 500 },
  )
})
