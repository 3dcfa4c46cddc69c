import { readLines } from '../../base/json-lines.ts'
import type { ReadItem } from '../../kit/define.ts'
import { checkDataset } from '../dataset/check.ts'
import { referenceValues } from '../dataset/references.ts'
import { readRow } from '../dataset/row.ts'
import { type DatasetItem, datasetItem, type ToolDefinition } from '../simulate/agent.ts'
import type { Outcome, Verdict } from './verdict.ts'

/** Which files are checked, and against what. */
export interface DatasetCheckOptions {
  readonly file: string
  readonly validation: string | undefined
  readonly readItem: (item: unknown) => ReadItem<unknown, unknown>
  /** The tools that the server lists; undefined if it lists none. */
  readonly tools: readonly ToolDefinition[] | undefined
  /** Whether the server is not of this project: then only what every trainer requires of an item is checked. */
  readonly isForeign: boolean
  readonly signal: AbortSignal
}

const mostNamed = 1
const mostTokens = 32_000

/** The verdicts of `dataset check`, with the tools that the server has now. */
export async function datasetVerdicts(options: DatasetCheckOptions): Promise<readonly Verdict[]> {
  const { file, validation, tools, isForeign, signal } = options
  const offered = (tools ?? []).map(({ function: { name, description, parameters } }) => ({
    type: 'function' as const,
    function: { name, description: description ?? '', parameters: parameters ?? {} },
  }))
  const files = { files: [file], validation: validation === undefined ? undefined : [validation] }
  const rules = { readItem: readerOf(options), tools: offered, mostTokens, mostNamed, signal }
  const { verdicts } = await checkDataset({ ...files, ...rules })
  return verdicts.map(({ check, outcome, why, advice, rows: [row] }) => {
    const at = row === undefined ? '' : `; ${row.file}, line ${row.line}: ${row.reason}`
    const unknown = unknowable(check, tools === undefined, isForeign)
    return unknown ?? { check: `dataset: ${check}`, outcome: outcome satisfies Outcome, why: `${why}${at}`, advice }
  })
}

function unknowable(check: string, isSilent: boolean, isForeign: boolean): Verdict | undefined {
  const skipped = (why: string): Verdict => ({ check: `dataset: ${check}`, outcome: 'skip', why })
  if (check === 'tools' && isSilent) return skipped('the server does not say which tools it has')
  if (check === 'references' && isForeign)
    return skipped('the server is not of this project, so its items are not known')
  return undefined
}

/** The reference of a foreign item is recognized by its usual names only. */
function readerOf({ readItem, isForeign }: Pick<DatasetCheckOptions, 'readItem' | 'isForeign'>) {
  if (!isForeign) return readItem
  return (item: unknown): ReadItem<unknown, unknown> => {
    const { messages, ...rest } = datasetItem.safeParse(item).data ?? { messages: [] }
    const reference = Object.fromEntries(Object.entries(rest).filter(([name]) => usualReferences.includes(name)))
    return { fits: true, task: { messages }, reference }
  }
}

/** The fields in which datasets usually keep the right answer. */
export const usualReferences = ['reference_answer', 'target', 'answer', 'label', 'expected', 'solution', 'reference']

/** The first rows of a dataset that are items; its bad lines are named by its own check. */
export async function firstItems(file: string, most: number): Promise<readonly DatasetItem[]> {
  const items: DatasetItem[] = []
  for await (const { text } of readLines(file)) {
    const read = text === undefined ? undefined : readRow(text)
    const item = read !== undefined && 'row' in read ? datasetItem.safeParse(read.row).data : undefined
    if (item !== undefined) items.push(item)
    if (items.length === most) break
  }
  return items
}

/** The fields of an item that are its reference: those whose value occurs in the reference that the environment reads, or usual ones. */
export function referenceFieldsOf(
  item: DatasetItem,
  { readItem, isForeign }: Pick<DatasetCheckOptions, 'readItem' | 'isForeign'>,
): readonly string[] {
  const read = readItem(item)
  if (isForeign || !read.fits) return usualReferences.filter((name) => name in item)
  const values = new Set(referenceValues(read.reference).map(({ value }) => String(value)))
  return Object.keys(item).filter((name) => referenceValues(item[name]).some(({ value }) => values.has(String(value))))
}
