import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { scoreFields } from '../../../../src/kit/scoring/json-fields.ts'
import { expectValidScore } from '../../../support/scoring/texts.ts'

const reference = { name: 'Acme', total: 4, lines: [{ price: 1 }, { price: 3 }], note: null }

describe('the score of a JSON answer by fields', () => {
  it('is the share of right fields, for a value or JSON text', () => {
    const answer = { note: null, total: 5, name: 'Acme', lines: [{ price: 1 }], more: { a: 1, b: [] } }
    const expected = {
      score: 3 / 5,
      reason: '3 of 5 fields right; not /total',
      parts: { right: 3, wrong: 1, missing: 1, extra: 2 },
    }
    expect(scoreFields(answer, reference)).toEqual(expected)
    expect(scoreFields(JSON.stringify(answer), reference)).toEqual(expected)
    expect(scoreFields(`\`\`\`json\n${JSON.stringify(answer)}\n\`\`\``, reference)).toEqual(expected)
  })

  it('is lowered by extra fields if strict', () => {
    expect(scoreFields({ a: 1, b: 2 }, { a: 1 }).score).toBe(1)
    expect(scoreFields({ a: 1, b: { c: 2, d: {} } }, { a: 1 }, { strict: true })).toEqual({
      score: 1 / 3,
      reason: '1 of 1 fields right, 2 extra',
      parts: { right: 1, wrong: 0, missing: 0, extra: 2 },
    })
  })

  it('uses the given scorers for single fields', () => {
    const fields = {
      '/lines': () => 0.25,
      '/total': (one: unknown, other: unknown) => Number(String(one) === String(other)),
    }
    expect(scoreFields({ ...reference, total: '4', lines: [] }, reference, { fields })).toEqual({
      score: 3.25 / 4,
      reason: '3.25 of 4 fields right; not /lines',
      parts: { right: 3.25, wrong: 0.75, missing: 0, extra: 0 },
    })
    expect(scoreFields({}, reference, { fields: { '/a~1b': () => 1, '/total': () => 1 } }).score).toBe(0)
    expect(scoreFields({ 'a/b': 1 }, { 'a/b': 2 }, { fields: { '/a~1b': () => 1 } }).score).toBe(1)
    for (const score of [Number.NaN, -0.1, 2]) {
      expect(() => scoreFields({ a: 1 }, { a: 1 }, { fields: { '/a': () => score } })).toThrow(RangeError)
    }
  })

  it('distinguishes lists, objects, strings and null', () => {
    const score = (one: unknown, other: unknown) => scoreFields(one, other).score
    expect(score({ a: [] }, { a: {} })).toBe(0)
    expect(score({ a: ['x'] }, { a: { 0: 'x' } })).toBe(0)
    expect(score({ a: '1' }, { a: 1 })).toBe(0)
    expect(score({ a: '[1]' }, { a: [1] })).toBe(0)
    expect(score({}, { a: null })).toBe(0)
    expect(score({}, {})).toBe(1)
    expect(score('7', 7)).toBe(1)
    expect(score('"7"', 7)).toBe(0)
    expect(score({}, JSON.parse('{"__proto__":{"a":1},"toString":1}'))).toBe(0)
  })

  it('is 0 for text that is not JSON', () => {
    expect(scoreFields('', reference)).toEqual({ score: 0, reason: 'empty answer' })
    expect(scoreFields('total: 4', reference)).toEqual({ score: 0, reason: 'not JSON' })
  })

  it('is a valid score, and 1 for an equal value in any notation', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), fc.jsonValue({ maxDepth: 4 }), fc.boolean(), (one, other, strict) => {
        expectValidScore(scoreFields(one, other, { strict }))
        expect(scoreFields(JSON.stringify(one, null, 2), one, { strict }).score).toBe(1)
      }),
    )
  })

  it('is found for values of any depth and size', () => {
    let deep: unknown = 1
    for (let level = 0; level < 100_000; level += 1) deep = { a: deep }
    expectValidScore(scoreFields(deep, { a: 1 }))
    expectValidScore(scoreFields({ a: 1, b: deep }, deep, { strict: true }))
    const wide = Object.fromEntries(Array.from({ length: 50_000 }, (_, at) => [`k${at}`, [at]]))
    const key = 'k'.repeat(500_000)
    expect(scoreFields({ [key]: wide }, wide, { strict: true }).parts).toMatchObject({ missing: 50_000, extra: 50_000 })
  })
})
