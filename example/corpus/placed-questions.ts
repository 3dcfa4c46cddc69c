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
 * Keeps the questions whose pages are in the database, and those that name no page. The others cannot be answered:
 * `onMissing` is called for each.
 */
export async function keepPlaced(
  db: PostgresJsDatabase,
  read: ReadonlyMap<string, readonly AskedAt[]>,
  onMissing: (file: string, where: string) => void,
): Promise<Map<string, ImportedQuestion[]>> {
  const wanted = [...read.values()].flat().flatMap(({ question }) => question.gold_path ?? [])
  const existing = await existingPaths(db, [...new Set(wanted)])
  const kept = new Map<string, ImportedQuestion[]>()
  for (const [file, asked] of read) {
    const questions: ImportedQuestion[] = []
    for (const { question, where } of asked) {
      if (question.gold_path === undefined || existing.has(question.gold_path)) questions.push(question)
      else onMissing(file, where)
    }
    kept.set(file, questions)
  }
  return kept
}

async function existingPaths(db: PostgresJsDatabase, wanted: readonly string[]): Promise<Set<string>> {
  const existing = new Set<string>()
  for (let start = 0; start < wanted.length; start += 1_000) {
    const rows = await db
      .select({ path: pages.path })
      .from(pages)
      .where(inArray(pages.path, wanted.slice(start, start + 1_000)))
    for (const { path } of rows) existing.add(path)
  }
  return existing
}
