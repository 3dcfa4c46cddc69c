import { counted } from '../../base/text.ts'
import type { Spread } from './distributions.ts'
import type { Findings, Outcome, Verdict } from './findings.ts'
import { maxRowBytes, type RowCheck } from './row-checks.ts'

/** Every check of a dataset, in the order in which they are reported. */
export type DatasetCheck = 'lines' | 'rows' | 'duplicates' | 'contradictions' | 'overlap' | RowCheck

/** How many rows a set has. */
export interface SetCounts {
  readonly files: number
  readonly rows: number
  /** Rows with different messages. */
  readonly items: number
  readonly withTools: number
  /** Rows whose tools are not definitions of tools. */
  readonly withUnreadableTools: number
  /** Rows whose messages are valid. */
  readonly withMessages: number
  /** Rows whose reference can be read. */
  readonly withReference: number
}

/** Everything that was counted while the rows were read. */
export interface Checked {
  readonly train: SetCounts
  readonly validation: SetCounts | undefined
  readonly findings: (check: DatasetCheck) => Findings
  /** How many of the rows that a check rejects only give cause for doubt. */
  readonly doubts: ReadonlyMap<DatasetCheck, number>
  readonly tokens: Spread
  readonly mostTokens: number
}

/** The verdicts of all checks. */
export function verdictsOf(checked: Checked): readonly Verdict[] {
  return checks.map(([check, judge]) => ({ check, count: 0, rows: [], ...judge(checked) }))
}

type Judgement = Omit<Verdict, 'check' | 'count' | 'rows'> & Partial<Pick<Verdict, 'count' | 'rows'>>

/** Trainers document that they accept from 10 to 50,000 rows in a file. */
export const minRows = 10
const maxRows = 50_000

/** From this share of rows on, reference values in the messages are a systematic fault. */
const leakShare = 0.05

const total = ({ train, validation }: Checked, count: (set: SetCounts) => number) =>
  count(train) + (validation === undefined ? 0 : count(validation))
const rowsOf = (checked: Checked) => total(checked, ({ rows }) => rows)

/** A check that expects every row to be good. */
interface RowWording {
  readonly outcome: Outcome | ((checked: Checked) => Outcome)
  /** What a row must have for the check to apply to it. */
  readonly needs?: readonly ('messages' | 'reference')[]
  readonly good: string | ((checked: Checked) => string)
  /** Follows "3 of 12 rows". */
  readonly bad: string | ((checked: Checked) => string)
  readonly advice: string | ((checked: Checked) => string)
}

const needed = {
  messages: { has: ({ withMessages }: SetCounts) => withMessages, noun: 'messages are valid' },
  reference: { has: ({ withReference }: SetCounts) => withReference, noun: 'reference can be read' },
} as const

function everyRow(check: DatasetCheck, wording: RowWording): (checked: Checked) => Judgement {
  return (checked) => {
    const written = <T>(one: T | ((checked: Checked) => T)) => (one instanceof Function ? one(checked) : one)
    const rows = rowsOf(checked)
    const missing = check === 'lines' ? undefined : whatIsMissing(checked, wording.needs ?? [])
    if (missing?.count === 0) {
      const noun = rows === 0 ? 'no row can be read' : `there is no row whose ${missing.noun}`
      return { outcome: 'skip', why: `not checked: ${noun}` }
    }
    const { count, rows: named } = checked.findings(check)
    const of =
      missing === undefined || missing.count === rows
        ? ''
        : `; checked ${counted(missing.count, 'row')} whose ${missing.noun}`
    if (count === 0) return { outcome: 'pass', why: `${written(wording.good)}${of}` }
    const all = check === 'lines' ? rows + count : rows
    const why = `${count.toLocaleString('en-US')} of ${counted(all, 'row')} ${written(wording.bad)}${of}`
    return { outcome: written(wording.outcome), why, advice: written(wording.advice), count, rows: named }
  }
}

/** Of the things that a check needs, the one that the fewest rows have. */
function whatIsMissing(checked: Checked, needs: NonNullable<RowWording['needs']>) {
  const rows = { count: rowsOf(checked), noun: '' }
  const having = needs.map((name) => ({ count: total(checked, needed[name].has), noun: needed[name].noun }))
  return [rows, ...having].reduce((least, one) => (one.count < least.count ? one : least))
}

interface NamedSet {
  readonly name: string
  readonly set: SetCounts
}

function rowCounts({ train, validation }: Checked): Judgement {
  const sets: NamedSet[] = [{ name: 'training', set: train }]
  if (validation !== undefined) sets.push({ name: 'validation', set: validation })
  const outside = sets.filter(({ set }) => set.rows < minRows || set.rows > maxRows).map(({ name }) => name)
  const sizes = sets.map(({ name, set }) => `${counted(set.rows, 'row')} of ${counted(set.items, 'item')} for ${name}`)
  const why = `${sizes.join(', ')}; trainers accept ${minRows} to ${maxRows.toLocaleString('en-US')} rows in a file`
  if (outside.length === 0) return { outcome: 'pass', why }
  return { outcome: 'fail', why, advice: `add or remove rows for ${outside.join(' and ')}` }
}

const overlapping = everyRow('overlap', {
  outcome: 'fail',
  needs: ['messages'],
  good: 'no item is in both training and validation',
  bad: 'are in the validation set and ask what the training set asks',
  advice: 'remove them from one of the two sets, or split the rows again with `dataset prepare`',
})

function overlap(checked: Checked): Judgement {
  if (checked.validation !== undefined) return overlapping(checked)
  const advice = 'pass it with --validation, or make one with `dataset prepare`: trainers expect both'
  return { outcome: 'warn', why: 'there is no validation file', advice }
}

const sameTools = everyRow('tools', {
  outcome: 'fail',
  good: 'the tools of every row are as the server defines them',
  bad: 'define tools that differ from the server’s',
  advice:
    'if the rows are for another server, name it with --tools-from; if their tools are out of date, `dataset prepare` writes the current ones',
})

function tools(checked: Checked): Judgement {
  const rows = rowsOf(checked)
  const having = total(checked, ({ withTools }) => withTools)
  const unreadable = total(checked, ({ withUnreadableTools }) => withUnreadableTools)
  if (checked.findings('tools').count > 0 || rows === 0) return sameTools(checked)
  if (unreadable > 0) {
    return {
      outcome: 'skip',
      why: `not checked: ${counted(unreadable, 'row')} of ${rows} define tools in another format`,
    }
  }
  if (having === 0) {
    const advice = 'add them to the rows with `dataset prepare`'
    return { outcome: 'warn', why: 'no row defines tools: the model will not call any', advice }
  }
  if (having === rows) return sameTools(checked)
  const why = `${(rows - having).toLocaleString('en-US')} of ${counted(rows, 'row')} define no tools`
  return { outcome: 'warn', why, advice: 'add them to all rows with `dataset prepare`' }
}

const isCertain = ({ findings, doubts }: Checked) => findings('labels').count > (doubts.get('labels') ?? 0)

const isLeaky = (checked: Checked) => checked.findings('leaks').count >= rowsOf(checked) * leakShare

const spreadText = ({ tokens }: Checked) =>
  `about ${tokens.quantile(0.5).toLocaleString('en-US')} tokens a row (95 % of rows: at most ` +
  `${tokens.quantile(0.95).toLocaleString('en-US')}; maximum: ${tokens.most.toLocaleString('en-US')})`

const checks: readonly (readonly [DatasetCheck, (checked: Checked) => Judgement])[] = [
  [
    'lines',
    everyRow('lines', {
      outcome: 'fail',
      good: 'every line is a JSON object',
      bad: 'cannot be read',
      advice: 'fix or remove these lines; nothing else about them was checked',
    }),
  ],
  ['rows', rowCounts],
  [
    'messages',
    everyRow('messages', {
      outcome: 'fail',
      good: 'the last message of every row is from the user',
      bad: 'have messages that a trainer refuses',
      advice: 'end every row with the user message that the model is to answer; use text and images only',
    }),
  ],
  [
    'roles',
    everyRow('roles', {
      outcome: 'warn',
      needs: ['messages'],
      good: 'no message has the role system',
      bad: 'have a message with the role system, which Azure does not support here',
      advice: 'use the role developer',
    }),
  ],
  [
    'reserved',
    everyRow('reserved', {
      outcome: 'fail',
      good: 'the fields messages and tools, which belong to the trainer, hold what it expects',
      bad: 'use the fields messages or tools, which belong to the trainer, for something else',
      advice: 'give your own fields other names',
    }),
  ],
  [
    'references',
    everyRow('references', {
      outcome: 'fail',
      good: 'every row is an item as schema/environment.ts defines it',
      bad: 'are not items as schema/environment.ts defines them: their gradings would be refused',
      advice: 'fix the named fields, or the schema',
    }),
  ],
  [
    'labels',
    everyRow('labels', {
      outcome: (checked) => (isCertain(checked) ? 'fail' : 'warn'),
      needs: ['reference'],
      good: 'no label looks like a failed export',
      bad: (checked) =>
        isCertain(checked)
          ? 'have a label such as nan or #REF!, which no answer can match'
          : 'have a label such as none or N/A, which often stands for a missing value',
      advice: (checked) =>
        isCertain(checked)
          ? 'export the labels again, or remove these rows'
          : 'check that these labels are right answers; remove the rows if the labels are missing values',
    }),
  ],
  [
    'numbers',
    everyRow('numbers', {
      outcome: 'warn',
      good: 'every integer can be read exactly',
      bad: 'have integers beyond 2^53, which JavaScript and many JSON readers round',
      advice: 'write them as strings: ids that differ in their last digits become equal',
    }),
  ],
  [
    'duplicates',
    everyRow('duplicates', {
      outcome: 'fail',
      needs: ['messages'],
      good: 'no row occurs twice',
      bad: 'repeat another row, with the same messages and reference: they count double',
      advice: 'write the rows without them: `dataset prepare --drop-duplicates`',
    }),
  ],
  [
    'contradictions',
    everyRow('contradictions', {
      outcome: 'warn',
      needs: ['messages', 'reference'],
      good: 'no two rows ask the same question and expect different answers',
      bad: 'ask what another row asks and expect something else: no answer is right for both',
      advice: 'add what distinguishes them to the questions, or keep one of them',
    }),
  ],
  ['overlap', overlap],
  [
    'leaks',
    everyRow('leaks', {
      outcome: (checked) => (isLeaky(checked) ? 'fail' : 'warn'),
      needs: ['messages', 'reference'],
      good: 'no value of a reference occurs in the messages',
      bad: 'have a value of their reference in the messages, where the model reads it',
      advice: (checked) =>
        isLeaky(checked)
          ? 'remove the reference from the messages; if a field may occur there, use --ignore-field FIELD'
          : 'look at them: a question may mention its answer by chance; --ignore-field FIELD excludes a field',
    }),
  ],
  ['tools', tools],
  [
    'size',
    everyRow('size', {
      outcome: 'fail',
      good: `no row is larger than ${maxRowBytes.toLocaleString('en-US')} bytes`,
      bad: 'are larger than the 1 MB that trainers send with a call, including the whole row',
      advice: 'move long documents to a place where the tools find them',
    }),
  ],
  [
    'tokens',
    everyRow('tokens', {
      outcome: 'warn',
      needs: ['messages'],
      good: spreadText,
      bad: (checked) => `have more than ${checked.mostTokens.toLocaleString('en-US')} tokens; ${spreadText(checked)}`,
      advice: 'shorten them, or check that the model’s context has room for its tool calls too',
    }),
  ],
]
