import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readReference, scoreNumber } from '../../../../src/kit/scoring/numbers.ts'
import { runs } from '../../../support/runs.ts'

const literal = { rule: 'literal' } as const

/** A number with two decimals and no separators. */
const decimal = fc.integer({ min: -99_999_999, max: 99_999_999 }).map((hundredths) => (hundredths / 100).toFixed(2))

const grouped = (text: string, separator: string) => {
  const [whole = '', fraction = ''] = text.split('.')
  return `${whole.replace(/\B(?=(\d{3})+$)/gu, separator)}.${fraction}`
}

/** Equivalent notations of a number. */
const formats: readonly ((text: string) => string)[] = [
  (text) => grouped(text, ','),
  (text) => grouped(text, ' '),
  (text) => grouped(text, '\u202f'),
  (text) => grouped(text, "'"),
  (text) => text.replace('-', '−'),
  (text) => text.replace('-', '– '),
  (text) => (text.startsWith('-') ? `(${text.slice(1)})` : `+${text}`),
  (text) => `$${text}`,
  (text) => `${text} USD`,
  (text) => `${text} dollars`,
  (text) => `**${text}**`,
  (text) => `\`${text}\`.`,
  (text) => `$\\boxed{${text}}$`,
  (text) => `\\(${text}\\)`,
  (text) => `“${text}”`,
  (text) => `\n ${text}\u200b\n`,
  (text) => `~${text}`,
  (text) => `${text}e0`,
  (text) => `${text} × 10^0`,
  (text) => text.replace(/\d/gu, (digit) => String.fromCodePoint((digit.codePointAt(0) ?? 0) + 0xfee0)),
]

/** Numbers and labels close to each other, so that every score occurs. */
const close = fc
  .tuple(decimal, fc.constantFrom(0, 0, 0.003, 0.01, 0.5, 7))
  .map(([text, step]): [string, string] => [String(Number((Number(text) + step).toFixed(3))), text])

const fragments = fc.constantFrom(
  ...[
    '$',
    '-',
    '−',
    '(',
    ')',
    '5',
    '5,000',
    '5.',
    '.5',
    'e3',
    '%',
    ' ',
    '\n',
    'million',
    'bn',
    'k',
    'x',
    '10',
    '^',
    '/',
  ],
  ...[
    ':',
    'and',
    'or',
    'yes',
    'no',
    '\\boxed{',
    '}',
    '\\text{',
    '**',
    '`',
    '"',
    '~',
    '½',
    '⁶',
    '€',
    'decrease',
    'in 2015',
  ],
)
const soup = fc.oneof(
  fc.array(fragments, { maxLength: 12 }).map((parts) => parts.join('')),
  fc.string({ unit: 'binary' }),
)

describe('for any strings', () => {
  it('a number scores the same in every accepted format', () => {
    fc.assert(
      fc.property(close, fc.constantFrom(...formats), ([answer, reference], format) => {
        for (const options of [{}, literal]) {
          const plain = scoreNumber(answer, reference, options).score
          expect(scoreNumber(answer.includes('.') ? format(answer) : answer, reference, options).score).toBe(plain)
          expect(scoreNumber(answer, format(reference), options).score).toBe(plain)
        }
      }),
      { numRuns: runs(500) },
    )
  })

  it('a magnitude word or a percent sign with shifted digits does not change the score', () => {
    const scales = [
      ['%', -2],
      [' bps', -4],
      ['k', 3],
      [' million', 6],
      ['bn', 9],
    ] as const
    fc.assert(
      fc.property(
        fc.integer({ min: -999_999, max: 999_999 }),
        fc.constantFrom(...scales),
        (digits, [suffix, power]) => {
          expect(scoreNumber(`${digits}${suffix}`, `${digits}e${power}`).score).toBe(1)
          expect(scoreNumber(`${digits}e${power}`, `${digits}${suffix}`).score).toBe(1)
        },
      ),
    )
  })

  it('a second number never raises a score', () => {
    const joins = fc.constantFrom(' and ', ', ', '; ', ' or ', '\n', ' - ', ' = ', ' (')
    fc.assert(
      fc.property(close, joins, decimal, ([answer, reference], join, second) => {
        expect(scoreNumber(answer + join + second, reference).score).toBe(0)
        expect(scoreNumber(second + join + answer, reference).score).toBe(0)
      }),
    )
  })

  it('the score is 0, 0.5 or 1, and never higher under the literal rule', () => {
    fc.assert(
      fc.property(fc.oneof(soup, decimal), fc.oneof(soup, decimal), (answer, reference) => {
        const { score, reason } = scoreNumber(answer, reference)
        expect([0, 0.5, 1]).toContain(score)
        expect(reason).not.toBe('')
        expect(scoreNumber(answer, reference, literal).score).toBeLessThanOrEqual(score)
      }),
      { numRuns: runs(3000) },
    )
  })

  it('a usable reference scores 1 as its own answer', () => {
    fc.assert(
      fc.property(soup, (text) => {
        if (readReference(text).usable) expect(scoreNumber(text, text, literal).score, text).toBe(1)
      }),
      { numRuns: runs(3000) },
    )
  })

  it('being equal and being within 0.1% are symmetric', () => {
    const near = fc.tuple(fc.integer({ min: 1000, max: 10_000_000 }), fc.integer({ min: -12_000, max: 12_000 }))
    fc.assert(
      fc.property(near, ([number, step]) => {
        const one = String(number)
        const other = String(number + step)
        expect(scoreNumber(one, other).score).toBe(scoreNumber(other, one).score)
      }),
    )
  })

  it('a megabyte of any characters is scored', () => {
    const pieces = [
      '9',

      ',',
      '(',
      '$',
      '-',
      '9,',
      '9 ',
      '1,000,',
      '{',
      '\\text{',
      '\\n',
      '**',
      '"',
      'or 5 ',
      'e',
      '٣',
    ]
    for (const piece of pieces) {
      const long = piece.repeat(Math.ceil(1_048_576 / piece.length))
      const bounded = long.slice(0, 1000)
      for (const answer of [long, `94${long}`, bounded]) {
        expect(scoreNumber(answer, '94').score).toBe(0)
        expect([0, 1]).toContain(scoreNumber(answer, answer).score)
      }
    }
  })

  it('a megabyte of white space around a number is ignored', () => {
    const space = ' \n'.repeat(524_288)
    expect(scoreNumber(`${space}94${space}`, '94').score).toBe(1)
    expect(scoreNumber(space, '94').score).toBe(0)
    expect(scoreNumber(`9${space}4`, '94').score).toBe(0)
  })

  it('the largest supported numbers are compared', () => {
    const large = `${'9'.repeat(500)}e400`
    const small = `0.${'0'.repeat(900)}1`
    expect(scoreNumber(large, large).score).toBe(1)
    expect(scoreNumber(small, small).score).toBe(1)
    expect(scoreNumber(large, small).score).toBe(0)
    expect(scoreNumber(small, large).score).toBe(0)
  })
})
