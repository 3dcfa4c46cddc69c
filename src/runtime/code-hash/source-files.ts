import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, relative, sep } from 'node:path'

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
