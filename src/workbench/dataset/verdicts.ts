import { counted, type Findings, type Outcome, type Verdict } from './findings.ts'
import { mostRowBytes } from './row-checks.ts'
import type { Spread } from './spread.ts'

/** What is kept while rows go by: the bad ones of each check, and how long rows are. */
export interface Checking {
  readonly findings: (check: string) => Findings
  readonly tokens: Spread
}

/** How many rows a set has. */
export interface SetCounts {
  readonly files: number
  readonly rows: number
  /** Rows whose messages differ. */
  readonly items: number
  readonly withTools: number
}

/** Rows that trainers take in a file, as they say: 10 to 50,000. */
const leastRows = 10
const mostRows = 50_000

/** From this share on values of references in the messages are taken for a fault of how the rows are made. */
const leakShare = 0.05

interface Checked extends Checking {
  readonly train: SetCounts
  readonly validation: SetCounts | undefined
  readonly mostTokens: number
}

/** What the counts of a dataset's checks mean, and what to do about them. */
export function verdictsOf({ train, validation, findings, tokens, mostTokens }: Checked): readonly Verdict[] {
  const total = train.rows + (validation?.rows ?? 0)
  const lines = total + findings('lines').count
  const withTools = train.withTools + (validation?.withTools ?? 0)
  const sets = validation === undefined ? [['training', train] as const] : setsOf(train, validation)

  /** The verdict of a check that should like every row. */
  const each = (check: string, bad: Outcome, good: string, wrong: string, advice: string): Verdict => {
    const { count, rows } = findings(check)
    if (count === 0) return { check, outcome: 'pass', why: good, count, rows }
    const of = (check === 'lines' ? lines : total).toLocaleString('en-US')
    return { check, outcome: bad, why: `${count.toLocaleString('en-US')} of ${of} rows ${wrong}`, advice, count, rows }
  }
  const none = { count: 0, rows: [] }

  const outside = sets.filter(([, set]) => set.rows < leastRows || set.rows > mostRows)
  const told = sets.map(([name, set]) => `${counted(set.rows, 'row')} of ${counted(set.items, 'item')} for ${name}`)
  const size: Verdict = {
    check: 'rows',
    outcome: outside.length > 0 ? 'fail' : 'pass',
    why: `${told.join(', ')}; trainers take ${leastRows} to ${mostRows.toLocaleString('en-US')} a file`,
    ...(outside.length > 0 && { advice: `add or take away rows for ${outside.map(([name]) => name).join(' and ')}` }),
    ...none,
  }

  const overlap: Verdict =
    validation === undefined
      ? {
          check: 'overlap',
          outcome: 'warn',
          why: 'no validation file was given',
          advice: 'give it with --validation, or make one with `dataset prepare`: trainers want both',
          ...none,
        }
      : each(
          'overlap',
          'fail',
          'no item is both in training and in validation',
          'of the validation set ask what the training set asks',
          'take them out of one of the two, or split anew with `dataset prepare`',
        )

  const leaks = findings('leaks')
  const isLeaky = leaks.count > 0 && leaks.count >= total * leakShare
  const toolsWrong = findings('tools')
  const tools: Verdict =
    withTools === 0
      ? {
          check: 'tools',
          outcome: 'warn',
          why: 'no row defines tools: the model will call none',
          advice: 'put them into the rows with `dataset prepare`',
          ...none,
        }
      : toolsWrong.count === 0 && withTools < total
        ? {
            check: 'tools',
            outcome: 'warn',
            why: `${counted(total - withTools, 'row')} of ${counted(total, 'row')} define no tools`,
            advice: 'put them into all rows with `dataset prepare`',
            ...none,
          }
        : each(
            'tools',
            'fail',
            'the tools of every row are as the server defines them',
            'define other tools than the server has',
            'write the definitions anew with `dataset prepare`',
          )

  const spread =
    `about ${tokens.quantile(0.5).toLocaleString('en-US')} tokens a row (95 of 100 rows: at most ` +
    `${tokens.quantile(0.95).toLocaleString('en-US')}; most: ${tokens.most.toLocaleString('en-US')})`

  return [
    each(
      'lines',
      'fail',
      'every line is an object of JSON',
      'cannot be read',
      'mend or remove these lines; nothing else about them was checked',
    ),
    size,
    each(
      'messages',
      'fail',
      'the last message of every row is from the user',
      'have messages that a trainer refuses',
      'end every row with the message of the user that the model is to answer; text and images only',
    ),
    each(
      'roles',
      'warn',
      'no message is of the role system',
      'have a message of the role system, which Azure does not support here',
      'write its role as developer',
    ),
    each(
      'reserved',
      'fail',
      'the names messages and tools, which are the trainer’s, hold what it expects',
      'use the names messages or tools, which are the trainer’s, for something else',
      'give fields of your own other names',
    ),
    each(
      'references',
      'fail',
      'every row is an item as schema/environment.ts says',
      'are no item as schema/environment.ts says: their grading would be refused',
      'mend the fields that are named, or the schema',
    ),
    each(
      'duplicates',
      'fail',
      'no row is there twice',
      'are there twice, with the same messages and reference: they weigh double',
      'write the rows without them: `dataset prepare --drop-duplicates`',
    ),
    each(
      'contradictions',
      'warn',
      'no two rows ask the same and expect different answers',
      'ask what another row asks, and expect something else: no answer is right for both',
      'make the questions say what tells them apart, or keep one',
    ),
    overlap,
    each(
      'leaks',
      isLeaky ? 'fail' : 'warn',
      'no value of a reference stands in the messages',
      'have a value of their reference in the messages, where the model reads it',
      isLeaky
        ? 'leave the reference out of the messages'
        : 'look at them: a question may name its answer by chance, among others',
    ),
    tools,
    each(
      'size',
      'fail',
      `no row is larger than ${mostRowBytes.toLocaleString('en-US')} bytes`,
      'are larger than the 1 MB that trainers send with a call, the whole row included',
      'keep long documents where the tools find them',
    ),
    each(
      'tokens',
      'warn',
      spread,
      `have more than ${mostTokens.toLocaleString('en-US')} tokens; ${spread}`,
      'shorten them, or see that the model’s context has room for its calls too',
    ),
  ]
}

const setsOf = (train: SetCounts, validation: SetCounts) =>
  [['training', train] as const, ['validation', validation] as const] as const
