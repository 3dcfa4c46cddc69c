import { hash } from 'node:crypto'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Grader } from '../../kit/define-grader.ts'
import { readSource, sourceFiles } from './source-files.ts'

/** The list of the graders that are served. */
export const listOfGraders = 'graders/index.ts'

/** SHA-256 in hex over the paths and texts of all files that one is made of, by {@link sourceFiles}. */
export function hashSource(root: string, entry: string): string {
  return hash('sha256', JSON.stringify(sourceFiles(root, entry).map((path) => [path, readSource(root, path)])))
}

/**
 * A hash of the files that each grader is made of, by its name: of the file of `graders/` that exports it, with all that
 * this imports; where none does, of the list itself. Of several that export it, the one that is made of the fewest files:
 * the others pass it on.
 *
 * @param root the folder of the sources, in which `graders/index.ts` stands
 * @param load imports a file
 */
export async function hashGraders(
  root: string,
  graders: readonly Grader[],
  load: (file: string) => Promise<object> = (file) => import(pathToFileURL(file).href),
): Promise<ReadonlyMap<string, string>> {
  // Only what the list imports can have made them; and it is loaded already, so that nothing new runs.
  const entries = sourceFiles(root, listOfGraders)
    .filter((path) => /^graders\/.*\.[cm]?[jt]s$/.test(path) && path !== listOfGraders)
    .sort((a, b) => sourceFiles(root, a).length - sourceFiles(root, b).length || (a < b ? -1 : 1))
  const homes = new Map<unknown, string>()
  for (const path of entries) {
    for (const exported of Object.values(await load(join(root, path)))) {
      if (!homes.has(exported)) homes.set(exported, path)
    }
  }
  return new Map(graders.map((grader) => [grader.name, hashSource(root, homes.get(grader) ?? listOfGraders)]))
}
