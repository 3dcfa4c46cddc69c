import { type Line, type Reading, readLines } from '../../base/json-lines.ts'
import { type Checked, type DatasetCheck, type SetCounts, verdictsOf } from './checks.ts'
import { createDigests, type Digests } from './digests.ts'
import { createSpread } from './distributions.ts'
import { createFindings, type Findings, type Outcome, type Verdict } from './findings.ts'
import { itemKey, readRow, rowKey } from './row.ts'
import { checkRow, type RowRules } from './row-checks.ts'

/** What is checked, and against what. */
export interface CheckSettings extends RowRules, Reading {
  /** The files of the training set, plain or gzip. */
  readonly files: readonly string[]
  /** The files of the validation set; undefined without one. */
  readonly validation?: readonly string[] | undefined
  /** How many rejected rows each check names. */
  readonly mostNamed: number
}

/** The result of a dataset's checks. */
export interface DatasetReport {
  /** The worst outcome of all verdicts; a skipped check does not count. */
  readonly outcome: Outcome
  readonly train: SetCounts
  readonly validation: SetCounts | undefined
  readonly verdicts: readonly Verdict[]
}

/** What is kept while the rows are read. */
interface Checking {
  readonly settings: CheckSettings
  readonly findings: Checked['findings']
  readonly doubts: Map<DatasetCheck, number>
  readonly tokens: Checked['tokens']
  readonly places: Places
}

/** The places of the items and rows that were read so far. */
interface Seen {
  readonly items: Digests
  readonly rows: Digests
}

/**
 * Checks everything about a dataset that can be checked without a server. The files may be larger than the memory: two
 * digests are kept for each row, at most 110 bytes a row.
 *
 * @throws what reading throws: a missing file, broken gzip, the reason of an aborted signal.
 */
export async function checkDataset(settings: CheckSettings): Promise<DatasetReport> {
  const kept = new Map<DatasetCheck, Findings>()
  const findings = (check: DatasetCheck): Findings => {
    const found = kept.get(check) ?? createFindings(settings.mostNamed)
    kept.set(check, found)
    return found
  }
  const checking = { settings, findings, doubts: new Map(), tokens: createSpread(), places: createPlaces() }
  const seen = { items: createDigests(), rows: createDigests() }
  const train = await checkSet(settings.files, checking, seen)
  const own = { items: createDigests(), rows: createDigests() }
  const validation = settings.validation && (await checkSet(settings.validation, checking, own, seen.items))
  const verdicts = verdictsOf({ ...checking, train, validation, mostTokens: settings.mostTokens })
  const outcome = (['fail', 'warn'] as const).find((one) => verdicts.some((verdict) => verdict.outcome === one))
  return { outcome: outcome ?? 'pass', train, validation, verdicts }
}

async function checkSet(
  files: readonly string[],
  { settings, findings, doubts, tokens, places }: Checking,
  seen: Seen,
  others?: Digests,
): Promise<SetCounts> {
  const counts = { rows: 0, withTools: 0, withUnreadableTools: 0, withMessages: 0, withReference: 0 }
  for (const file of files) {
    for await (const line of readLines(file, settings)) {
      const read = line.text === undefined ? line : readRow(line.text)
      if (!('row' in read)) {
        findings('lines').add(file, line.line, read.problem)
        continue
      }
      const number = places.numberOf(line)
      const add = (check: DatasetCheck, reason: string) => findings(check).add(file, line.line, reason)
      const checked = checkRow(read.row, line.bytes, settings)
      for (const { check, reason, isDoubt } of checked.problems) {
        add(check, reason)
        if (isDoubt) doubts.set(check, (doubts.get(check) ?? 0) + 1)
      }
      tokens.add(checked.tokens)
      counts.rows += 1
      if (Array.isArray(checked.tools)) counts.withTools += 1
      if (checked.tools === 'unreadable') counts.withUnreadableTools += 1
      if (checked.hasMessages) counts.withMessages += 1
      if (checked.hasReference) counts.withReference += 1
      if (!Array.isArray(read.row['messages'])) continue
      const key = itemKey(read.row)
      const sameItem = seen.items.firstOf(key, number)
      const sameRow = seen.rows.firstOf(rowKey(read.row, checked.reference), number)
      if (sameRow !== undefined) add('duplicates', `it is the same as ${places.nameOf(sameRow)}`)
      else if (sameItem !== undefined) add('contradictions', `it asks what ${places.nameOf(sameItem)} asks`)
      const other = others?.find(key)
      if (other !== undefined) add('overlap', `it has the messages of ${places.nameOf(other)}`)
    }
  }
  return { files: files.length, items: seen.items.size, ...counts }
}

/** Numbers the rows of all files: a row's number is its line number plus an offset of its file. */
interface Places {
  numberOf(line: Line): number
  /** The file and line of a number. */
  nameOf(number: number): string
}

function createPlaces(): Places {
  const files: { file: string; from: number }[] = []
  let next = 0
  return {
    numberOf({ file, line }) {
      if (files.at(-1)?.file !== file) files.push({ file, from: next })
      const number = (files.at(-1)?.from ?? 0) + line
      next = number + 1
      return number
    },
    nameOf(number) {
      const found = files.findLast(({ from }) => from <= number)
      return `${found?.file}, line ${number - (found?.from ?? 0)}`
    },
  }
}
