import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { scoreMentions } from '../../../../src/kit/scoring/mentions.ts'
import { expectValidScore, text } from '../../../support/scoring/texts.ts'

describe('mentioned phrases', () => {
  it('are found as whole words, in any case and spacing', () => {
    const found = (candidate: string, phrase: string) => scoreMentions(candidate, [phrase]).score
    expect(found('the net\n income was', 'Net income')).toBe(1)
    expect(found('the net incomes were', 'Net income')).toBe(0)
    expect(found('incomes and income', 'income')).toBe(1)
    expect(found('a 10% rise', '0%')).toBe(0)
    expect(found('$5.', '$5')).toBe(1)
    expect(found('cost$5', '$5')).toBe(1)
    expect(found('東京都', '東京')).toBe(0)
    expect(found('𝒳x', 'x')).toBe(0)
    expect(found('', 'x')).toBe(0)
  })

  it('count with their weights', () => {
    const wanted = [{ phrase: 'revenue', weight: 3 }, 'debt']
    expect(scoreMentions('revenue rose', wanted)).toEqual({
      score: 0.75,
      reason: '1 of 2 mentioned, not "debt"',
      parts: { found: 1, wanted: 2 },
    })
    expect(scoreMentions('revenue and debt', wanted)).toMatchObject({ score: 1, reason: '2 of 2 mentioned' })
  })

  it('give a valid score, which is 1 for a text with all of them and additional text', () => {
    const phrase = text.filter((words) => words.trim() !== '')
    fc.assert(
      fc.property(fc.array(phrase, { minLength: 1, maxLength: 5 }), text, (phrases, candidate) => {
        const score = scoreMentions(candidate, phrases)
        expectValidScore(score)
        expect(scoreMentions(phrases.join(' '), phrases).score).toBe(1)
        expect(scoreMentions(`${candidate} ; more`, phrases).score).toBeGreaterThanOrEqual(score.score)
      }),
    )
  })

  it('must be given', () => {
    for (const wanted of [[], [' '], [{ phrase: 'a', weight: 0 }], ['a', { phrase: 'b', weight: -1 }]]) {
      expect(() => scoreMentions('a', wanted)).toThrow(RangeError)
    }
    expect(() =>
      scoreMentions(
        'a',
        Array.from({ length: 1_001 }, () => 'a'),
      ),
    ).toThrow(RangeError)
    expect(() => scoreMentions('a', ['a'.repeat(200_001)])).toThrow(RangeError)
    expect(scoreMentions('a '.repeat(100_001), ['a']).reason).toBe('longer than 200000 characters')
  })

  describe('without denied ones', () => {
    const scoreOf = (text: string, phrases: readonly string[] = ['net income', 'Oslo']) =>
      scoreMentions(text, phrases, { denied: false }).score

    it.each([
      'Net income doubled, and the office moved to Oslo.',
      '- NET INCOME: doubled\n- new office: Oslo',
      'Costs did not fall, net income rose. The office is in Oslo.',
      'Net\nincome rose; not so the costs, but Oslo is cheaper.',
    ])('counts phrases in: %j', (text) => expect(scoreOf(text)).toBe(1))

    it.each([
      'Net income did not double, and there was no move to Oslo.',
      "Net income didn't rise. The office never moved to Oslo.",
      'It is not true that net income doubled. Nor did they move to Oslo.',
      'It is false that: net income. Oslo.',
      'None of the following happened: net income, Oslo.',
      'Net income, Oslo. All of that is wrong, for none of it happened.',
      "Net income, Oslo. That isn't true.",
      'There is no net\nincome, no Oslo.',
    ])('does not count denied phrases in: %j', (text) => expect(scoreOf(text)).toBe(0))

    it('treats a negation within a phrase as part of it', () => {
      const found = ['no fire exit', 'two extinguishers']
      expect(scoreOf('There was no fire exit, and two extinguishers were empty.', found)).toBe(1)
      expect(scoreOf('It is not true that there was no fire exit.', found)).toBe(0)
      expect(scoreOf('There was no lack of fire exits.', found)).toBe(0)
    })
  })
})
