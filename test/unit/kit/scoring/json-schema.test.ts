import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { schemaScorer } from '../../../../src/kit/scoring/json-schema.ts'
import { expectValidScore } from '../../../support/scoring/texts.ts'

const fits = schemaScorer({
  type: 'object',
  required: ['total'],
  properties: { total: { type: 'number', minimum: 0 }, codes: { type: 'array', uniqueItems: true } },
})

describe('the score of an answer by a JSON Schema', () => {
  it('is 1 for a valid answer, as a value or as text', () => {
    const right = { score: 1, reason: 'fits the schema' }
    for (const answer of [{ total: 3 }, '{"total":3}', '```json\n{"total":3}\n```']) expect(fits(answer)).toEqual(right)
  })

  it('is 0 for an invalid answer, with the location', () => {
    expect(fits('{}')).toEqual({ score: 0, reason: "the value must have required property 'total'" })
    expect(fits('{"total":-1}')).toEqual({ score: 0, reason: '/total must be >= 0' })
    expect(fits('{"total":1,"codes":[{"a":1,"b":2},{"b":2,"a":1}]}').reason).toBe(
      '/codes must not have the same element twice',
    )
    expect(fits('{"total":1,"codes":[1,"1",[1],"[1]",{}]}').score).toBe(1)
    expect(fits('').reason).toBe('empty answer')
    expect(fits('total is 3').reason).toBe('not JSON')
  })

  it('follows the draft that the schema names', () => {
    const tuple = { items: [{ type: 'string' }, { type: 'number' }], additionalItems: false }
    const seven = schemaScorer({ $schema: 'http://json-schema.org/draft-07/schema#', ...tuple })
    expect([seven(['a', 1]).score, seven(['a', 1, 2]).score]).toEqual([1, 0])
    const now = schemaScorer({ prefixItems: tuple.items, items: false })
    expect([now(['a', 1]).score, now(['a', 1, 2]).score]).toEqual([1, 0])
    expect(schemaScorer({ $schema: 'https://json-schema.org/draft/2019-09/schema', ...tuple })(['a', 'b']).score).toBe(
      0,
    )
    expect([schemaScorer(true)(1).score, schemaScorer(false)(1).score]).toEqual([1, 0])
  })

  it('is found quickly and without overflow for any answer', () => {
    const pattern = schemaScorer({ type: 'string', pattern: '^(a+)+$' })
    expect(pattern(JSON.stringify(`${'a'.repeat(100_000)}!`)).score).toBe(0)
    const unique = schemaScorer({ uniqueItems: true })
    expect(unique(`[${Array.from({ length: 10_000 }, (_, at) => `{"a":${at}}`).join(',')}]`).score).toBe(1)
    const nested = schemaScorer({ $defs: { n: { items: { $ref: '#/$defs/n' } } }, $ref: '#/$defs/n' })
    expect(nested('[[[1]]]').score).toBe(1)
    expect(nested(`${'['.repeat(50_000)}${']'.repeat(50_000)}`).reason).toBe('nested deeper than 60 levels')
    expect(fits(`"${'a'.repeat(200_000)}"`).reason).toBe('longer than 200000 characters')
  })

  it('requires a valid schema', () => {
    expect(() => schemaScorer({ type: 'text' })).toThrow('schema is invalid')
    expect(() => schemaScorer({ $ref: 'https://example.com/other.json' })).toThrow("can't resolve reference")
    expect(() => schemaScorer({ pattern: '(?=a)' })).toThrow(SyntaxError)
  })

  it('is a valid score for any answer', () => {
    fc.assert(fc.property(fc.oneof(fc.jsonValue(), fc.string()), (answer) => expectValidScore(fits(answer))))
  })
})
