import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { scoreOrderedList, scoreSet } from '../../../../src/kit/scoring/sets.ts'
import { readList } from '../../../../src/kit/scoring/written.ts'
import { expectValidScore } from '../../../support/scoring/texts.ts'

const list = fc.array(fc.constantFrom('a', 'b', 'c', 'd', 'E11.9', '__proto__', ''), { maxLength: 8 })

describe('the score of a set', () => {
  it('is the F1 of precision and recall', () => {
    expect(scoreSet(['E11.9', 'I10', 'I10'], ['E11.9', 'Z79.4', 'N18.3'])).toEqual({
      score: 0.4,
      reason: '1 of 3 right, 1 extra',
      parts: { precision: 1 / 2, recall: 1 / 3, right: 1, missing: 2, extra: 1 },
    })
  })

  it('weights recall by beta and compares by the given key', () => {
    expect(scoreSet(['a'], ['a', 'b'], { beta: 2 }).score).toBeCloseTo(5 / 9, 12)
    expect(scoreSet(['a', 'b'], ['a'], { beta: 2 }).score).toBeCloseTo(5 / 6, 12)
    expect(scoreSet(['e11.9'], ['E11.9'], { same: (code) => code.toUpperCase() }).score).toBe(1)
    for (const beta of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => scoreSet([], [], { beta })).toThrow(RangeError)
    }
  })

  it('is 0 for a list with more elements than allowed', () => {
    const guesses = ['a', 'b', 'c', 'd', 'e']
    expect(scoreSet(guesses.slice(0, 4), ['a', 'b'], { most: 2 }).score).toBeCloseTo(2 / 3, 12)
    expect(scoreSet(guesses, ['a', 'b'], { most: 2 })).toMatchObject({
      score: 0,
      reason: 'too many elements: 2 of 2 right, 3 extra',
    })
    expect(scoreSet(['a', 'b'], ['a'], { beta: 0.5, most: 2 }).score).toBeCloseTo(5 / 9, 12)
    expect(scoreSet([], [], { most: 1 }).score).toBe(1)
    for (const most of [0, 0.5, -1, Number.NaN]) expect(() => scoreSet([], [], { most })).toThrow(RangeError)
  })

  it('is defined for empty lists', () => {
    expect(scoreSet([], [])).toMatchObject({ score: 1, reason: 'none expected, none given' })
    expect(scoreSet(['a'], [])).toMatchObject({ score: 0, reason: 'none expected, 1 given' })
    expect(scoreSet([], ['a'])).toMatchObject({ score: 0, reason: '0 of 1 right, 0 extra' })
  })

  it('is valid and symmetric, 1 for the same elements in any order, and agrees with the definition of F-beta', () => {
    fc.assert(
      fc.property(list, list, fc.constantFrom(0.5, 1, 2), (one, other, beta) => {
        const { score, parts, ...rest } = scoreSet(one, other, { beta })
        expectValidScore({ score, ...rest, ...(parts && { parts }) })
        expect(scoreSet(one, other).score).toBe(scoreSet(other, one).score)
        expect(scoreSet(one, [...one].reverse()).score).toBe(1)
        const { precision = 0, recall = 0 } = parts ?? {}
        fc.pre(one.length > 0 && other.length > 0 && precision + recall > 0)
        expect(score).toBeCloseTo(((1 + beta ** 2) * precision * recall) / (beta ** 2 * precision + recall), 12)
      }),
    )
  })
})

describe('the score of an ordered list', () => {
  it('counts elements in the right order', () => {
    expect(scoreOrderedList(['a', 'c', 'b'], ['a', 'b', 'c'])).toEqual({
      score: 2 / 3,
      reason: '2 in the right order, of 3 given and 3 expected',
      parts: { common: 2, inPlace: 1 },
    })
    expect([scoreOrderedList([], []), scoreOrderedList([], ['a']), scoreOrderedList(['a'], [])]).toMatchObject([
      { score: 1 },
      { score: 0 },
      { score: 0 },
    ])
  })

  it('is valid and symmetric, 1 only for equal lists, and at most the score of the multisets', () => {
    fc.assert(
      fc.property(list, list, (one, other) => {
        const score = scoreOrderedList(one, other)
        expectValidScore(score)
        expect(scoreOrderedList(other, one).score).toBe(score.score)
        expect(score.score === 1).toBe(one.join('\n') === other.join('\n') && one.length === other.length)
        expect(score.score).toBeLessThanOrEqual(scoreOrderedList([...one].sort(), [...other].sort()).score)
      }),
    )
  })

  it('limits the length of lists', () => {
    const long = Array.from({ length: 30_000 }, (_, at) => String(at % 30))
    expect(scoreOrderedList(long, long).score).toBe(1)
    expect(scoreOrderedList([...long, 'a'], ['a'])).toMatchObject({ score: 0, reason: 'longer than 30000 elements' })
    expect(() => scoreOrderedList(['a'], [...long, 'a'])).toThrow(RangeError)
  })
})

describe('a list in text', () => {
  it.each([
    ['["E11.9", "I10", 7]', ['E11.9', 'I10', '7']],
    ['```json\n["a, b"]\n```', ['a, b']],
    ['E11.9, I10; Z79.4', ['E11.9', 'I10', 'Z79.4']],
    ['- `src/a.ts`\n* src/b.ts\r\n• "c d"\n\n', ['src/a.ts', 'src/b.ts', 'c d']],
    ['1. first\n2) second', ['first', 'second']],
    ['```\na\nb\n```', ['a', 'b']],
    ['14.1, -5', ['14.1', '-5']],
    ['[{"a":1}]', ['[{"a":1}]']],
    ['', []],
    ['``````', []],
    [' , ;\n', []],
    ['a', ['a']],
    ['**E11.9, I10**', ['E11.9', 'I10']],
    ['**E11.9**, **I10**', ['E11.9', 'I10']],
    ['Answer: E11.9, I10.', ['E11.9', 'I10']],
    ['Final answer:\n- src/a.ts\n- src/b.ts.', ['src/a.ts', 'src/b.ts']],
    ['**Answer: src/a.ts**', ['src/a.ts']],
    ['$\\boxed{D50.9}$', ['D50.9']],
    ['[E11.9, I10]', ['E11.9', 'I10']],
    ['Answer: ["a", 1, null].', ['a', '1', 'null']],
    ['..', ['..']],
  ])('%j is %j', (text, elements) => {
    expect(readList(text)).toEqual(elements)
  })

  it('is parsed from any text', () => {
    fc.assert(fc.property(fc.string(), (text) => void expect(readList(text)).not.toContain('')))
    const plain = fc.array(fc.stringMatching(/^[a-z][a-z/.]{0,8}[a-z]$/), { maxLength: 6 })
    fc.assert(
      fc.property(plain, fc.constantFrom(', ', ';', '\n', '\n- '), (elements, divider) => {
        expect(readList(elements.join(divider))).toEqual(elements)
        expect(readList(JSON.stringify(elements))).toEqual(elements)
      }),
    )
  })
})
