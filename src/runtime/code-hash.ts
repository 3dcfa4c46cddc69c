import { hash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, relative, sep } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { z } from 'zod'
import type { Grader } from '../kit/define-grader.ts'

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

/** What the build leaves where the sources are not: the hash of each grader by its name. */
const hashesFile = 'code-hashes.json'

const shape = z.record(z.string(), z.string())

/** The folder of this program: that of the sources, or of what was built of them. */
export const programFolder: string = fileURLToPath(new URL('../../', import.meta.url))

/** Writes the hash of each grader into a folder of compiled code, where {@link withCodeHashes} reads it. */
export async function writeCodeHashes(root: string, graders: readonly Grader[], folder: string): Promise<void> {
  const hashes = Object.fromEntries(await hashGraders(root, graders))
  writeFileSync(join(folder, hashesFile), `${JSON.stringify(hashes, null, 2)}\n`)
}

/**
 * The graders with a hash of what they are made of: of the sources where they are, else as the build wrote it; without
 * one where there is neither. A grader that has a hash keeps it. The same sources have the same hash, built or not.
 *
 * @throws Error when the file that the build wrote cannot be read.
 */
export async function withCodeHashes(graders: readonly Grader[], folder: string = programFolder): Promise<Grader[]> {
  const hashes = await codeHashes(graders, folder)
  return graders.map((grader) => ({ ...grader, codeHash: grader.codeHash ?? hashes.get(grader.name) }))
}

async function codeHashes(graders: readonly Grader[], folder: string): Promise<ReadonlyMap<string, string>> {
  if (existsSync(join(folder, listOfGraders))) return await hashGraders(folder, graders)
  const built = join(folder, hashesFile)
  if (!existsSync(built)) return new Map()
  return new Map(Object.entries(shape.parse(JSON.parse(readFileSync(built, 'utf8')))))
}

/** Where what a grader is made of stands; the server around it is not a part of it. */
const rooms: readonly string[] = ['graders/', 'schema/', 'src/kit/scoring/']

const specifier = /\b(?:from|import)\s*\(?\s*['"](\.{1,2}\/[^'"]+)['"]/g

/**
 * The files that one is made of: itself and what it imports by relative paths, and they import, as far as they stand in
 * `graders/`, `schema/` and `src/kit/scoring/`. Paths relative to the root, with `/`, sorted.
 *
 * @example sourceFiles('/app', 'graders/finqa.ts') // ['graders/finqa.ts', 'schema/environment.ts', …]
 */
export function sourceFiles(root: string, entry: string): string[] {
  const found = new Set([entry])
  // A set gives what is added to it meanwhile, too.
  for (const path of found) {
    for (const [, specified = ''] of readSource(root, path).matchAll(specifier)) {
      const imported = relative(root, join(root, dirname(path), specified))
        .split(sep)
        .join('/')
      if (rooms.some((room) => imported.startsWith(room)) && existsSync(join(root, imported))) found.add(imported)
    }
  }
  return [...found].sort()
}

/** A file's text; line ends as they are on any system. */
export function readSource(root: string, path: string): string {
  return readFileSync(join(root, path), 'utf8').replaceAll('\r\n', '\n')
}
