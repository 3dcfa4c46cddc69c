import { rename, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { makeDataDirectory } from '../../src/postgres/embedded/place.ts'

/** A row of a training job's dataset. */
export interface DatasetRow {
  readonly id: string
  readonly messages: readonly { readonly role: string; readonly content: string }[]
  readonly reference_answer: string
  readonly gold_path?: string | undefined
}

const instruction =
  'Answer the question from the reports. Find the page with search or list and read it with cat, at most ten tool ' +
  'calls. End with the answer alone: a number with its unit or percent sign, or yes or no.'

/** Makes the row of a question: the messages for the model, and the label that only graders see. */
export function datasetRow<Rest extends { id: string; question: string; reference_answer: string }>({
  id,
  question,
  ...rest
}: Rest): DatasetRow & Omit<Rest, 'id' | 'question'> {
  const messages = [
    { role: 'developer', content: instruction },
    { role: 'user', content: question },
  ]
  return { id, messages, ...rest }
}

/** Writes rows as JSON Lines, atomically; each row includes `tools` if given. */
export async function writeDataset(path: string, rows: readonly object[], tools?: readonly object[]): Promise<string> {
  makeDataDirectory(dirname(path))
  const lines = rows.map((row) => `${JSON.stringify(tools ? { ...row, tools } : row)}\n`)
  await writeFile(`${path}.${process.pid}`, lines.join(''))
  await rename(`${path}.${process.pid}`, path)
  return path
}
