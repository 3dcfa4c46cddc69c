import { stringifyExactly } from '../../base/exact-json.ts'
import { RequestError } from '../../kit/errors.ts'
import type { DatasetRow, Datasets, Split } from '../../runtime/datasets.ts'
import type { WireDeps } from '../wire.ts'

/** The name of the one environment that this server has, on this wire. */
export const environmentName = 'scorekeeper'

/** Throws a `RequestError`, 404, for the name of another environment; a request may name none. */
export function checkEnvironment(name: string | null | undefined): void {
  if (name == null || name.toLowerCase() === environmentName) return
  throw new RequestError(404, 'unknown_environment', `unknown environment; this server has one, "${environmentName}"`)
}

/** The split of this name. Throws a `RequestError`, 400, if the server has none. */
export function splitNamed(datasets: Datasets, name: string): Split {
  const split = datasets.splits.find((one) => one.name === name)
  if (split !== undefined) return split
  const known = datasets.splits.map((one) => one.name).join(', ')
  const hint = known === '' ? 'the server has no datasets; set DATASETS' : `the splits are: ${known}`
  throw new RequestError(400, 'invalid_split', `Invalid split: ${hint}`)
}

/** What a split is for; a name that does not say it is taken for validation, as other servers do. */
export function splitType(name: string): 'train' | 'validation' | 'test' {
  return name === 'train' || name === 'test' ? name : 'validation'
}

/** The row with an index. Throws a `RequestError`, 400, if there is none. */
export async function rowAt(split: Split, index: number): Promise<DatasetRow> {
  const row = await split.row(index)
  if (row !== undefined) return row
  throw new RequestError(400, 'invalid_index', `Invalid index: the split "${split.name}" has ${split.count} tasks`)
}

/** The bounds of a range as Python's slices have them: a negative number counts from the end, a missing one is the end. */
export function rangeOf(
  count: number,
  { start, stop }: { readonly start?: number | null | undefined; readonly stop?: number | null | undefined },
): { readonly start: number; readonly stop: number } {
  const within = (bound: number) => Math.min(Math.max(bound < 0 ? count + bound : bound, 0), count)
  return { start: within(start ?? 0), stop: within(stop ?? count) }
}

/** The task part of a row as JSON: never its reference. */
export function taskJson(item: unknown, readItem: WireDeps['readItem']): string {
  const read = readItem(item)
  if (read.fits) return stringifyExactly(read.task) ?? 'null'
  throw new RequestError(500, 'item_misfit', `a row of the dataset does not fit the environment: ${read.message}`)
}

/**
 * The item that a task stands for. Clients list tasks and send one back, without its reference, so it is looked up in the
 * datasets; a whole row, with its reference, is taken as it is. Throws a `RequestError`, 422, if the task belongs to no item or
 * to more than one.
 */
export async function itemOfTask(
  task: unknown,
  { datasets, readItem }: Pick<WireDeps, 'datasets' | 'readItem'>,
): Promise<unknown> {
  const [row, ...others] = await datasets.find(task)
  if (others.length > 0) {
    const message = `${others.length + 1} rows with different references have this task; name the split and the index instead`
    throw new RequestError(422, 'ambiguous_task', message)
  }
  if (row !== undefined) return row.item
  const read = readItem(task)
  if (read.fits) return task
  const message = `the task is not one of this server's datasets, and is no whole row either: ${read.message}`
  throw new RequestError(422, 'item_misfit', message)
}
