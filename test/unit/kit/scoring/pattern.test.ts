import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { scorePattern } from '../../../../src/kit/scoring/pattern.ts'
import { expectValidScore, expectValidScores, text } from '../../../support/scoring/texts.ts'

describe('a pattern', () => {
  it('matches a part of a text, or all of it', () => {
    expect(scorePattern('The answer is 42.', '4\\d')).toEqual({ score: 1, reason: 'the pattern matches the text' })
    expect(scorePattern('The answer is 42.', '4\\d', { whole: true })).toEqual({
      score: 0,
      reason: 'the pattern does not match all of the text',
    })
    expect(scorePattern('42', '4\\d', { whole: true }).score).toBe(1)
    expect(scorePattern('', '^$').score).toBe(1)
    expect(scorePattern('é😀', '^\\p{L}.$').score).toBe(1)
  })

  it('respects its options', () => {
    expect(scorePattern('YES', 'yes').score).toBe(0)
    expect(scorePattern('YES', 'yes', { ignoreCase: true }).score).toBe(1)
    expect(scorePattern('a\nb', 'a.b').score).toBe(0)
    expect(scorePattern('a\nb', 'a.b', { dotAll: true }).score).toBe(1)
    expect(scorePattern('a\nb', '^b$').score).toBe(0)
    expect(scorePattern('a\nb', '^b$', { multiline: true }).score).toBe(1)
  })

  it('that would block a backtracking engine is matched', () => {
    const long = 'a'.repeat(99_999)
    for (const pattern of ['^(a+)+$', '^(a|aa)+$', '^(a|a?)+$', '(a*)*b', '(.*a){20}b', 'a*a*a*a*a*b']) {
      expect(scorePattern(`${long}!`, pattern).score).toBe(0)
    }
    expect(scorePattern(`${long}!!`, 'a')).toMatchObject({ score: 0, reason: 'longer than 100000 characters' })
  })

  it('that is invalid or cannot be matched in linear time is rejected with a reason', () => {
    for (const pattern of ['(', '(a)\\1', '(?=a)', 'a{1001}', '[z-a]', '*']) {
      expect(() => scorePattern('a', pattern)).toThrow(SyntaxError)
    }
    expect(() => scorePattern('a', '(a)\\1')).toThrow('not valid RE2 syntax')
    expect(() => scorePattern('a', 'a'.repeat(1_001))).toThrow(RangeError)
  })

  it('gives a valid score for every text and every valid pattern', () => {
    expectValidScores((candidate) => scorePattern(candidate, '(the|a)+ fox.*'))
    const piece = fc.constantFrom('a', 'b', '.', '*', '+', '?', '(', ')', '|', '[', ']', '^', '$', '\\w', '{2}', '{3,}')
    fc.assert(
      fc.property(text, fc.array(piece, { maxLength: 12 }), (candidate, pieces) => {
        try {
          expectValidScore(scorePattern(candidate, pieces.join('')))
        } catch (error) {
          if (!(error instanceof SyntaxError)) throw error
        }
      }),
    )
  })

  it('agrees with JavaScript if both support it', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('a', 'b', 'c', '\n'), maxLength: 12 }), (candidate) => {
        for (const pattern of ['a+b', '^(?:ab|c)*$', 'a.c', '[^a]b?$', 'b{2,3}']) {
          expect(scorePattern(candidate, pattern).score).toBe(Number(new RegExp(pattern, 'u').test(candidate)))
        }
      }),
    )
  })
})
