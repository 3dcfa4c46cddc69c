import type { Attack, AttackMaterial } from './attack.ts'

/** Wrong numbers that are close to the right one in writing or in size. */
export function nearMisses({ references }: AttackMaterial): readonly Attack[] {
  const changed = (name: string, change: (number: number) => number | undefined): Attack => ({
    name,
    answer: (_, at) => {
      const reference = references[at]
      const number = numberIn(reference)
      const wrong = number === undefined ? undefined : change(number)
      if (reference === undefined || number === undefined || wrong === undefined) return undefined
      if (roundsTo(number, wrong, reference)) return undefined
      return { output: reference.replace(figure, written(wrong)) }
    },
  })
  return [
    changed('ten times the number', (number) => number * 10),
    changed('a tenth of the number', (number) => number / 10),
    changed('the other sign', (number) => -number),
    changed('5 % more', (number) => number * 1.05),
    changed('20 % less', (number) => number * 0.8),
    changed('one more, of a small number', (number) => (Math.abs(number) < 10 ? number + 1 : undefined)),
    changed('zero, of a small number', (number) => (Math.abs(number) < 10 ? 0 : undefined)),
    {
      name: 'the nearest round number, of a short label',
      answer: (_, at) => {
        const reference = references[at]
        const number = numberIn(reference)
        if (reference === undefined || number === undefined || digitsOf(number) > 2) return undefined
        const round = roundNumbers(number).find((one) => !roundsTo(number, one, reference))
        return round === undefined ? undefined : { output: reference.replace(figure, written(round)) }
      },
    },
  ]
}

/** The letters of a unit, such as "million dollars". */
const maxUnitLetters = 14

const figure = /-?(?:\d[\d,]*(?:\.\d+)?|\.\d+)/

/** Whether a number rounds to the reference as written: 5.25 is a more precise answer than 5, not a wrong one. */
function roundsTo(number: number, precise: number, reference: string): boolean {
  const decimals = /\.(\d+)/.exec(figure.exec(reference)?.[0] ?? '')?.[1]?.length ?? 0
  return Math.abs(precise - number) <= 0.5 * 10 ** -decimals
}

/** The number of a text that consists of one number and its unit; undefined for other texts. */
export function numberIn(text: string | undefined): number | undefined {
  if (text === undefined || (text.match(/\d[\d,.]*/g) ?? []).length !== 1) return undefined
  // A code, such as D50.9, is not a number.
  if ((text.match(/\p{L}/gu) ?? []).length > maxUnitLetters || /\p{L}\d/u.test(text)) return undefined
  const number = Number(figure.exec(text)?.[0].replaceAll(',', ''))
  return Number.isFinite(number) ? number : undefined
}

const written = (number: number) => String(Number(number.toPrecision(6)))

/** How many significant digits a number is written with. */
const digitsOf = (number: number) => Math.abs(number).toExponential().split('e')[0]?.replace('.', '').length ?? 0

/** What is closer to a number than this is not a wrong answer to a short label. */
const minDistance = 0.1

/** The numbers 1, 2 and 5 times a power of ten that differ from a number by more than 10 %, the nearest first. */
function roundNumbers(number: number): readonly number[] {
  if (number === 0) return []
  const power = Math.floor(Math.log10(Math.abs(number)))
  const distance = (one: number) => Math.abs(one - number) / Math.abs(number)
  return [power - 1, power, power + 1]
    .flatMap((exponent) => [1, 2, 5].map((digit) => Math.sign(number) * Number(`${digit}e${exponent}`)))
    .filter((one) => distance(one) > minDistance)
    .toSorted((a, b) => Math.abs(Math.log(a / number)) - Math.abs(Math.log(b / number)))
}
