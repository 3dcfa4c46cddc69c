import { hash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, relative, sep } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { z } from 'zod'
import type { Grader } from '../kit/define-grader.ts'

/** The list of served graders. */
export const listOfGraders = 'graders/index.ts'

/** SHA-256 in hex over the paths and texts of all {@link sourceFiles} of a file. */
export function hashSource(root: string, entry: string): string {
  return hash('sha256', JSON.stringify(sourceFiles(root, entry).map((path) => [path, readSource(root, path)])))
}

/**
 * Hashes the source of each grader, by its name: the file in `graders/` that exports it and everything that the file
 * imports, or the list itself if no file exports it. If several files export it, the one with the fewest source files
 * counts: the others re-export it.
 *
 * @param root the folder of the sources, with `graders/index.ts`
 * @param load imports a file
 */
export async function hashGraders(
  root: string,
  graders: readonly Grader[],
  load: (file: string) => Promise<object> = (file) => import(pathToFileURL(file).href),
): Promise<ReadonlyMap<string, string>> {
  // Graders come from what the list imports. That is loaded already, so nothing new runs.
  const entries = sourceFiles(root, listOfGraders)
    .filter((path) => /^graders\/.*\.[cm]?[jt]s$/.test(path) && path !== listOfGraders)
    .sort((a, b) => sourceFiles(root, a).length - sourceFiles(root, b).length || (a < b ? -1 : 1))
  const fileOf = new Map<unknown, string>()
  for (const path of entries) {
    for (const exported of Object.values(await load(join(root, path)))) {
      if (!fileOf.has(exported)) fileOf.set(exported, path)
    }
  }
  return new Map(graders.map((grader) => [grader.name, hashSource(root, fileOf.get(grader) ?? listOfGraders)]))
}

/** The file with the hash of each grader by its name, which the build writes because it leaves the sources out. */
const hashesFile = 'code-hashes.json'

const shape = z.record(z.string(), z.string())

/** The root folder of this program: of the sources, or of the build. */
export const programFolder: string = fileURLToPath(new URL('../../', import.meta.url))

/**
 * Writes the hash of each grader into a folder of compiled code, where {@link withCodeHashes} reads it.
 *
 * @param load imports a file of the sources, or what it was compiled into
 */
export async function writeCodeHashes(
  root: string,
  graders: readonly Grader[],
  folder: string,
  load?: (file: string) => Promise<object>,
): Promise<void> {
  const hashes = Object.fromEntries(await hashGraders(root, graders, load))
  writeFileSync(join(folder, hashesFile), `${JSON.stringify(hashes, null, 2)}\n`)
}

/**
 * Adds a hash of their source to graders that have none: from the sources if they exist, else from the file that the build
 * wrote, else undefined. Equal sources have equal hashes, built or not.
 *
 * @throws Error if the build's file cannot be read.
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

/** The folders with the source of graders; the server itself is not a part of it. */
const folders: readonly string[] = ['graders/', 'schema/', 'src/kit/scoring/']

const specifier = /\b(?:from|import)\s*\(?\s*['"](\.{1,2}\/[^'"]+)['"]/g

/**
 * The source files of a file: itself and all that it imports by relative paths, directly or not, in `graders/`, `schema/` and
 * `src/kit/scoring/`. Paths are relative to the root, with `/`, and sorted.
 *
 * @example sourceFiles('/app', 'graders/finqa.ts') // ['graders/finqa.ts', 'schema/environment.ts', …]
 */
export function sourceFiles(root: string, entry: string): string[] {
  const found = new Set([entry])
  // Iterating a set includes what is added meanwhile.
  for (const path of found) {
    for (const [, specified = ''] of readSource(root, path).matchAll(specifier)) {
      const imported = relative(root, join(root, dirname(path), specified))
        .split(sep)
        .join('/')
      if (folders.some((folder) => imported.startsWith(folder)) && existsSync(join(root, imported))) found.add(imported)
    }
  }
  return [...found].sort()
}

/** A file's text with line ends normalised to `\n`. */
export function readSource(root: string, path: string): string {
  return readFileSync(join(root, path), 'utf8').replaceAll('\r\n', '\n')
}
