import { type Line, type Reading, readLines } from '../../base/json-lines.ts'
import { createDigests, type Digests } from './digests.ts'
import { createFindings, type Findings, type Outcome, type Verdict } from './findings.ts'
import { itemKey, readRow, rowKey } from './row.ts'
import { checkRow, type RowRules } from './row-checks.ts'
import { createSpread } from './spread.ts'
import { type Checking, type SetCounts, verdictsOf } from './verdicts.ts'

/** What is checked, and by what. */
export interface CheckSettings extends RowRules, Reading {
  /** The files of the training set, plain or gzip. */
  readonly files: readonly string[]
  /** The files of the validation set; none when it is not looked at. */
  readonly validation?: readonly string[] | undefined
  /** So many bad rows are named for each check. */
  readonly mostNamed: number
}

/** What came of a dataset's checks. */
export interface DatasetReport {
  /** The worst of the verdicts. */
  readonly outcome: Outcome
  readonly train: SetCounts
  readonly validation: SetCounts | undefined
  readonly verdicts: readonly Verdict[]
}

/** Where a row is that was seen before: rows are numbered through all files. */
interface Seen {
  readonly items: Digests
  readonly rows: Digests
}

/**
 * Checks a dataset by everything that can be known of it without a server. The files may be larger than the memory: kept
 * are two digests of each row, at most 110 bytes a row.
 *
 * @throws what reading throws: no file, broken gzip, the reason of an aborted signal.
 */
export async function checkDataset(settings: CheckSettings): Promise<DatasetReport> {
  const kept = new Map<string, Findings>()
  const findings = (check: string): Findings => {
    const found = kept.get(check) ?? createFindings(settings.mostNamed)
    kept.set(check, found)
    return found
  }
  const checking = { findings, tokens: createSpread() }
  const seen = { items: createDigests(), rows: createDigests() }
  const places = createPlaces()
  const train = await checkSet(settings, settings.files, checking, seen, places)
  const validation =
    settings.validation && (await checkValidation(settings, settings.validation, checking, seen, places))
  const verdicts = verdictsOf({ train, validation, ...checking, mostTokens: settings.mostTokens })
  const outcome = (['fail', 'warn'] as const).find((one) => verdicts.some((verdict) => verdict.outcome === one))
  return { outcome: outcome ?? 'pass', train, validation, verdicts }
}

async function checkValidation(
  settings: CheckSettings,
  files: readonly string[],
  checking: Checking,
  train: Seen,
  places: Places,
): Promise<SetCounts> {
  const own = { items: createDigests(), rows: createDigests() }
  return await checkSet(settings, files, checking, own, places, train.items)
}

async function checkSet(
  settings: CheckSettings,
  files: readonly string[],
  { findings, tokens }: Checking,
  seen: Seen,
  places: Places,
  others?: Digests,
): Promise<SetCounts> {
  const counts = { files: files.length, rows: 0, items: 0, withTools: 0 }
  for (const file of files) {
    for await (const line of readLines(file, settings)) {
      const read = line.text === undefined ? line : readRow(line.text)
      if (!('row' in read)) {
        findings('lines').add(file, line.line, read.problem)
        continue
      }
      counts.rows += 1
      const number = places.numberOf(line)
      const add = (check: string, reason: string) => findings(check).add(file, line.line, reason)
      const checked = checkRow(read.row, line.bytes, settings)
      for (const { check, reason } of checked.problems) add(check, reason)
      tokens.add(checked.tokens)
      if (checked.hasTools) counts.withTools += 1
      if (!Array.isArray(read.row['messages'])) continue
      const key = itemKey(read.row)
      const sameItem = seen.items.firstOf(key, number)
      const sameRow = seen.rows.firstOf(rowKey(read.row, checked.reference), number)
      if (sameRow !== undefined) add('duplicates', `it is the same as ${places.nameOf(sameRow)}`)
      else if (sameItem !== undefined) add('contradictions', `it asks what ${places.nameOf(sameItem)} asks`)
      const other = others?.find(key)
      if (other !== undefined) add('overlap', `its messages are those of ${places.nameOf(other)}`)
    }
  }
  return { ...counts, items: seen.items.size }
}

/** Rows have one number each, of which file and line can be told: the numbers of a file's rows are its line numbers, moved. */
interface Places {
  numberOf(line: Line): number
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
