import type { Random } from '../../src/workbench/simulate/random.ts'
import { type Answer, type Cells, computeAnswer } from './answers.ts'
import type { Company } from './companies.ts'
import type { Occasion } from './prose.ts'
import { type Asked, answerForms, phrasings, renderQuestion } from './questions.ts'

/** A generated question, its label as an annotator would write it, and the page that answers it. */
export interface Question {
  readonly id: string
  readonly question: string
  readonly reference_answer: string
  readonly gold_path: string
  readonly computation: Asked & { readonly answer: Answer }
}

/** What a page's questions are made from. */
export interface AskedPage {
  readonly path: string
  readonly company: Company
  readonly year: number
  readonly cells: Cells
  readonly asks: readonly Asked[]
  readonly occasion: Occasion
}

/** Of five questions, two name company and year, two name one of the two, and one names neither. */
const mentions = [
  { company: true, year: true },
  { company: true, year: true },
  { company: true, year: false },
  { company: false, year: true },
  { company: false, year: false },
] as const

/** Makes up to `count` different questions about a page. */
export function askAbout(page: AskedPage, count: number, random: Random): Question[] {
  const made: Question[] = []
  const seen = new Set<string>()
  for (let tries = 0; tries < 60 && made.length < count; tries += 1) {
    const question = askOnce(page, `${page.path}-${made.length + 1}`, random)
    if (question === undefined || seen.has(question.question)) continue
    seen.add(question.question)
    made.push(question)
  }
  return made
}

function askOnce(page: AskedPage, id: string, random: Random): Question | undefined {
  const { company, year, cells } = page
  const [first, ...rest] = page.asks
  if (first === undefined) return undefined
  const { y1, y2, ...timeless } = random.pick([first, ...rest])
  const mention = random.pick(mentions)
  const templates = phrasings[timeless.kind].filter(
    (template) =>
      (mention.year ? template.includes('{y') || !hasYears(timeless.kind) : !template.includes('{y')) &&
      // If a company reports in thousands, the question names the unit: `$ 206,588 thousand` would be unnatural.
      (template.includes('{unit}') || company.unit === 'millions' || answerForms[timeless.kind] !== 'amount'),
  )
  const [template] = random.shuffle(templates)
  if (template === undefined) return undefined
  const asked: Asked = {
    ...timeless,
    ...(template.includes('{y1}') && { y1 }),
    ...(template.includes('{y2}') && { y2 }),
    ...(template.includes('{unit}') && { unit: timeless.kind === 'cost' ? 'millions' : company.unit }),
  }
  if (timeless.kind === 'maturity' && (timeless.a === 'thereafter') !== !template.includes('{y1}')) return undefined
  const core = renderQuestion(template, asked)
  if (!mention.year && /\b(?:19|20)\d\d\b/.test(core.replace(company.plan, ''))) return undefined
  const answer = computeAnswer(asked, cells)
  if (answer === undefined) return undefined
  return {
    id,
    question: dress(core, page, mention, random),
    reference_answer: label(asked, answer, random),
    gold_path: page.path,
    computation: { ...asked, answer },
  }

  function dress(
    text: string,
    { occasion }: AskedPage,
    { company: named, year: dated }: (typeof mentions)[number],
    by: Random,
  ) {
    const when = dated && !/\b(?:19|20)\d\d\b/.test(text) ? ` in ${year}` : ''
    const who = named ? nameOf(company, by) : ''
    const allusion = by.chance(named ? 0.1 : 0.55) ? ` , ${occasion.allusion}` : ''
    if (who !== '') {
      const before = by.chance(0.5)
      return before
        ? `for ${who}${when} , ${text}${allusion}?`
        : `${text} , ${by.pick(['for', 'at'])} ${who}${when}${allusion}?`
    }
    return when === '' ? `${text}${allusion}?` : `for the report${when} , ${text}${allusion}?`
  }
}

const hasYears = (kind: Asked['kind']) => phrasings[kind].some((template) => template.includes('{y'))

/** A company's name as people write it: in full, in lower case, its ticker, or its first word, which others share. */
function nameOf({ name, ticker }: Company, random: Random): string {
  const root = name.split(' ')[0] ?? name
  return random.pick([
    name,
    name.toLowerCase(),
    name.toLowerCase(),
    root,
    root.toLowerCase(),
    root.toLowerCase(),
    ticker,
  ])
}

/** An answer as an annotator would write it: rounded, in varying forms. */
function label(asked: Asked, answer: Answer, random: Random): string {
  if (typeof answer === 'boolean') return answer ? 'yes' : 'no'
  switch (answerForms[asked.kind]) {
    case 'percent': {
      const value = answer * 100
      return `${fixed(value, Math.abs(value) < 1 ? 2 : random.pick([1, 1, 1, 2, 0]))}%`
    }
    case 'amount': {
      const digits = asked.kind === 'average' ? 2 : asked.unit === 'thousands' ? 0 : 1
      const text = fixed(answer, digits)
      if (asked.unit === undefined) return `$ ${text} million`
      return random.chance(0.3) ? text.replace(/\.0+$/, '') : text
    }
    default:
      return fixed(answer, 2)
  }
}

/** Rounded to this many digits, or to more if the rounding would be ambiguous or change the value by more than 5 %. */
function fixed(value: number, digits: number): string {
  const scaled = Math.abs(value) * 10 ** digits
  const isTie = Math.abs(scaled - Math.floor(scaled) - 0.5) < 1e-6
  const isCoarse = Math.abs(scaled - Math.round(scaled)) > 0.05 * scaled
  if (digits < 6 && (isTie || isCoarse)) return fixed(value, digits + 1)
  return value.toFixed(digits).replace(/^-(?=[0.]+$)/, '')
}
