import { inArray } from 'drizzle-orm'
import type { PostgresJsDatabase } from 'drizzle-orm/postgres-js'
import { pages } from '../../schema/documents.ts'
import type { ImportedQuestion } from './records.ts'

/** A question and its place in its file. */
export interface AskedAt {
  readonly question: ImportedQuestion
  readonly where: string
}

/**
 * Keeps the questions of each file whose pages are in the database, and those that name no page. The others cannot be
 * answered: `leaveOut` is called for each.
 */
export async function keepPlaced(
  db: PostgresJsDatabase,
  read: ReadonlyMap<string, readonly AskedAt[]>,
  leaveOut: (file: string, where: string) => void,
): Promise<Map<string, ImportedQuestion[]>> {
  const wanted = [...read.values()].flat().flatMap(({ question }) => question.gold_path ?? [])
  const there = await pathsAmong(db, [...new Set(wanted)])
  const kept = new Map<string, ImportedQuestion[]>()
  for (const [file, asked] of read) {
    const questions: ImportedQuestion[] = []
    for (const { question, where } of asked) {
      if (question.gold_path === undefined || there.has(question.gold_path)) questions.push(question)
      else leaveOut(file, where)
    }
    kept.set(file, questions)
  }
  return kept
}

async function pathsAmong(db: PostgresJsDatabase, wanted: readonly string[]): Promise<Set<string>> {
  const there = new Set<string>()
  for (let start = 0; start < wanted.length; start += 1_000) {
    const rows = await db
      .select({ path: pages.path })
      .from(pages)
      .where(inArray(pages.path, wanted.slice(start, start + 1_000)))
    for (const { path } of rows) there.add(path)
  }
  return there
}
