/** What a question asks about a page's table: its kind, the labels of rows and columns, and years. */
export interface Asked {
  readonly kind: QuestionKind
  /** The label of the row, or the month or quarter that names it. */
  readonly a: string
  /** The other row: the one that `a` is a part of, added to or compared with. */
  readonly b?: string | undefined
  /** A column that is not a year. */
  readonly c?: string | undefined
  /** The earlier or only year; default: the latest column. */
  readonly y1?: number | undefined
  /** The later year; questions about two years without years are about the two latest columns. */
  readonly y2?: number | undefined
  /** The unit of the answer, if the question names one. */
  readonly unit?: Unit | undefined
}

/** The unit of a table's amounts. */
export type Unit = 'millions' | 'thousands'

/** The kinds of questions, each with its own computation in {@link computeAnswer}. */
export type QuestionKind = keyof typeof phrasings

/** The form of the answers of each kind: `14.1%`, an amount, a plain number, or yes or no. */
export const answerForms = {
  change: 'percent',
  difference: 'amount',
  average: 'amount',
  share: 'percent',
  sum: 'amount',
  ratio: 'number',
  higher: 'yes or no',
  value: 'amount',
  cost: 'amount',
  spread: 'number',
  return: 'percent',
  maturity: 'percent',
  due: 'percent',
} as const satisfies Record<QuestionKind, 'percent' | 'amount' | 'number' | 'yes or no'>

/**
 * The phrasings of each kind. `{a}`, `{b}` and `{c}` are labels of the table, `{y1}` and `{y2}` years, `{unit}` is
 * `millions` or `thousands`; {@link parseQuestion} parses questions with the same phrasings. So that parsing is
 * unambiguous, a label contains no comma and none of ` to `, ` from `, ` was `, ` plus `, ` in `, ` for `.
 *
 * - `change`: (a in y2 − a in y1) / a in y1
 * - `difference`: a in y2 − a in y1
 * - `average`: the mean of a over the years y1 to y2
 * - `share`: a / b
 * - `sum`: a + b
 * - `ratio`: a / b
 * - `higher`: whether a in y2 is more than a in y1
 * - `value`: a
 * - `cost`: the number of shares in row a times their price, in millions
 * - `spread`: the high less the low price of quarter a
 * - `return`: (the last index value of row a − 100) / 100
 * - `maturity`: row a, a year or `thereafter`, / row b, the total
 * - `due`: column c of row a / column `total` of row a
 */
export const phrasings = {
  change: [
    'what was the percentage change in {a} from {y1} to {y2}',
    'what was the percent change in {a} between {y1} and {y2}',
    'by what percentage did {a} change from {y1} to {y2}',
    'what is the growth rate in {a} from {y1} to {y2}',
    'by what percent did {a} change over the prior year',
    'what was the growth rate of {a} over the latest two years',
  ],
  difference: [
    'what was the net change in {a} from {y1} to {y2} in {unit}',
    'how much did {a} change between {y1} and {y2}',
    'how much did {a} change over the prior year in {unit}',
  ],
  average: [
    'what was the average {a} from {y1} to {y2} in {unit}',
    'considering the years {y1} to {y2} , what was the average {a}',
    'what was the average {a} over the latest two years in {unit}',
  ],
  share: [
    'what percent of {b} was {a} in {y1}',
    'in {y1} what percentage of {b} was {a}',
    'what portion of {b} in {y1} was {a}',
    'what percentage of {b} was {a} at the latest date',
  ],
  sum: ['what do {a} plus {b} come to in {y1} in {unit}', 'what do {a} plus {b} come to in {unit} at the latest date'],
  ratio: ['what was the ratio of {a} to {b} in {y1}', 'what was the ratio of {a} to {b} at the latest date'],
  higher: [
    'was {a} higher in {y2} than in {y1}',
    'did {a} increase from {y1} to {y2}',
    'did {a} increase over the prior year',
  ],
  value: ['what was {a} in {y1} in {unit}', 'how much was {a} in {y1}', 'how much was {a} at the latest date'],
  cost: [
    'what was the total cost of the shares purchased during {a} in {unit}',
    'how much was paid for the shares purchased during {a}',
  ],
  spread: ['what was the difference between the high and the low price of the {a} quarter'],
  return: [
    'what was the percentage cumulative return of {a} over the five years ended {y2}',
    'what was the return of an investment in {a} over the five year period',
  ],
  maturity: [
    'what percent of {b} matures in {y1}',
    'what percentage of {b} is due in {y1}',
    'what portion of {b} matures after the years shown',
  ],
  due: ['what percentage of the obligations under {a} falls due in {c}', 'what portion of {a} is payable in {c}'],
} as const

/** The template of a phrasing and the pattern that parses it. */
interface Phrasing {
  readonly kind: QuestionKind
  readonly template: string
  readonly pattern: RegExp
}

const patterns: readonly Phrasing[] = kindsOf().flatMap((kind) =>
  phrasings[kind].map((template) => ({ kind, template, pattern: patternOf(template) })),
)

function kindsOf(): QuestionKind[] {
  return Object.keys(phrasings).filter((kind): kind is QuestionKind => kind in phrasings)
}

function patternOf(template: string): RegExp {
  const body = template.replace(/\{(\w+)\}/g, (_, name: string) => {
    if (name.startsWith('y')) return `(?<${name}>(?:19|20)\\d\\d)`
    return name === 'unit' ? '(?<unit>millions|thousands)' : `(?<${name}>[^,]+?)`
  })
  return new RegExp(`^${body}$`)
}

/** Puts labels, years and the unit into a template of {@link phrasings}. */
export function renderQuestion(template: string, asked: Omit<Asked, 'kind'>): string {
  const values: Readonly<Record<string, string | number | undefined>> = { ...asked }
  return template.replace(/\{(\w+)\}/g, (_, name: string) => String(values[name] ?? ''))
}

/**
 * Parses a generated question; the company, report and event that it names are ignored. Undefined for other questions.
 *
 * @example parseQuestion('for calder steel , what was the ratio of debt to equity in 2012?')
 */
export function parseQuestion(question: string): Asked | undefined {
  const whole = question
    .toLowerCase()
    .trim()
    .replace(/\s*\?$/, '')
  const core = whole.replace(/^(?:for|at|as) [^,]+ , /, '').replace(/ , (?:for|at|after|when|under) .+$/, '')
  for (const { kind, pattern } of patterns) {
    const found = pattern.exec(core)?.groups
    if (!found) continue
    const { a, b, c, unit } = found
    return {
      kind,
      a: a ?? (found['y1'] === undefined ? 'thereafter' : found['y1']),
      b,
      c,
      unit: unit === 'millions' || unit === 'thousands' ? unit : undefined,
      y1: yearOf(found['y1']),
      y2: yearOf(found['y2']),
    }
  }
  return undefined
}

const yearOf = (text: string | undefined): number | undefined => (text === undefined ? undefined : Number(text))
