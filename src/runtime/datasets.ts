import { z } from 'zod'
import { contentHash } from '../base/json.ts'
import { type DatasetFile, openDatasetFile, type TaskOf, taskHash, taskKey } from './dataset-file.ts'

/** A dataset file as the settings name it. */
export interface DatasetSource {
  readonly split: string
  readonly path: string
}

/** One row of a dataset. */
export interface DatasetRow {
  readonly split: string
  /** From 0; empty lines do not count. */
  readonly index: number
  /** The row, the reference included. */
  readonly item: unknown
}

/** The rows of one split. */
export interface Split {
  readonly name: string
  readonly count: number
  /** Reads a row; undefined if there is none with this index. Throws a `RequestError`, 500, if the file was changed. */
  row(index: number): Promise<DatasetRow | undefined>
  /** Reads the rows from `start` to the one before `stop`, a batch at a time. Throws like {@link row}. */
  rows(start: number, stop: number): AsyncGenerator<DatasetRow>
}

/** The datasets that the server is given, for wires that name an item by its split and index. */
export interface Datasets {
  readonly splits: readonly Split[]
  /**
   * Finds the rows whose task is this one, for wires whose clients list tasks and send one back, without its reference. Equal
   * rows are found once; more than one means that the task alone does not say which item it is.
   */
  find(task: unknown): Promise<readonly DatasetRow[]>
  close(): Promise<void>
}

const mustName =
  'must be pairs of a split and a file separated by commas, such as train:data/train.jsonl, each split once'

/**
 * Reads the value of `DATASETS`.
 *
 * @example datasetSources.parse('train:data/train.jsonl.gz') // [{ split: 'train', path: 'data/train.jsonl.gz' }]
 */
export const datasetSources = z.string().transform((text, context): readonly DatasetSource[] => {
  const sources: DatasetSource[] = []
  for (const pair of text.split(',').map((each) => each.trim())) {
    if (pair === '') continue
    const [, split, path] = /^([A-Za-z0-9._-]{1,64})\s*:\s*(.+)$/u.exec(pair) ?? []
    if (split === undefined || path === undefined || sources.some((one) => one.split === split)) {
      context.addIssue({ code: 'custom', message: mustName })
      return z.NEVER
    }
    sources.push({ split, path })
  }
  return sources
})

/** The datasets of a server that is given none. */
export const noDatasets: Datasets = { splits: [], find: async () => [], close: async () => {} }

/**
 * Opens the files and validates all of their rows.
 *
 * @throws Error that names the variable, the split, the file and, for a row that cannot be used, its line.
 */
export async function openDatasets(sources: readonly DatasetSource[], taskOf: TaskOf): Promise<Datasets> {
  const opened: { readonly split: string; readonly file: DatasetFile }[] = []
  const close = async () => {
    await Promise.all(opened.map(({ file }) => file.close()))
  }
  for (const { split, path } of sources) {
    try {
      opened.push({ split, file: await openDatasetFile(path, taskOf) })
    } catch (cause) {
      await close()
      const reason = cause instanceof Error ? cause.message : String(cause)
      throw new Error(`DATASETS: the split "${split}" cannot be served: ${reason}`, { cause })
    }
  }
  return {
    splits: opened.map(({ split, file }) => ({
      name: split,
      count: file.count,
      async row(index) {
        const [item] = await file.read(index, 1)
        return item === undefined ? undefined : { split, index, item }
      },
      async *rows(start, stop) {
        for (let index = start; index < Math.min(stop, file.count); ) {
          for (const item of await file.read(index, stop - index)) {
            yield { split, index, item }
            index += 1
          }
        }
      },
    })),
    async find(task) {
      const [key, hash] = [taskKey(task), taskHash(task)]
      const found = new Map<string, DatasetRow>()
      for (const { split, file } of opened) {
        for (const index of file.withTaskKey(key)) {
          const [item] = await file.read(index, 1)
          const read = taskOf(item)
          const content = contentHash(item)
          if (read.fits && taskHash(read.task) === hash && !found.has(content))
            found.set(content, { split, index, item })
        }
      }
      return [...found.values()]
    },
    close,
  }
}
