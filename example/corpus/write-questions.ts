import { basename, join, resolve } from 'node:path'
import { datasetRow, writeDataset } from './dataset.ts'
import type { ImportedQuestion } from './records.ts'

/**
 * Writes the questions of each file to a dataset of the same name in `folder`; source files are never overwritten.
 * Returns the paths and question counts.
 */
export async function writeQuestions(
  questions: ReadonlyMap<string, readonly ImportedQuestion[]>,
  folder: string,
  tools: readonly object[],
): Promise<{ count: number; path: string }[]> {
  const written: { count: number; path: string }[] = []
  const used = new Set([...questions.keys()].map((file) => resolve(file)))
  for (const [file, asked] of questions) {
    if (asked.length === 0) continue
    const name = basename(file)
      .replace(/(?:\.gz)?$/, '')
      .replace(/\.jsonl?$/, '')
    const candidates = Array.from({ length: 100 }, (_, at) =>
      join(folder, `${name}${at === 0 ? '' : `-${at + 1}`}.jsonl`),
    )
    const target = candidates.find((path) => !used.has(resolve(path))) ?? join(folder, `${name}-imported.jsonl`)
    used.add(resolve(target))
    const path = await writeDataset(target, asked.map(datasetRow), tools)
    written.push({ count: asked.length, path })
  }
  return written
}
