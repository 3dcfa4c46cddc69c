import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { z } from 'zod'
import type { Grader } from '../define-grader.ts'

const graderShape = z.custom<Grader>(
  (value) => z.looseObject({ name: z.string(), version: z.string(), open: z.function() }).safeParse(value).success,
)

/** A grader, and the file of items that lies beside it, where there is one. */
export interface FoundGrader {
  readonly grader: Grader
  readonly itemsFile: string | undefined
}

/**
 * Finds a grader: one that is served by this name, or the one that a file exports.
 *
 * Throws an Error that says which there are, or what is wrong with the file.
 */
export async function findGrader(name: string, served: readonly Grader[], folder: string): Promise<FoundGrader> {
  const known = served.find((grader) => grader.name === name)
  if (known !== undefined) return { grader: known, itemsFile: existing(`${folder}/${name}.items.jsonl`) }
  if (!/\.[cm]?[jt]s$/.test(name)) {
    const names = served.map((grader) => grader.name).join(', ')
    throw new Error(`there is no grader "${name}"; the graders are: ${names}. A file that exports one may be named too`)
  }
  const path = resolve(name)
  if (!existsSync(path)) throw new Error(`there is no file ${path}`)
  const exported = z.record(z.string(), z.unknown()).parse({ ...(await import(pathToFileURL(path).href)) })
  const graders = Object.values(exported).flatMap((value) => graderShape.safeParse(value).data ?? [])
  const [grader] = graders
  if (grader === undefined || graders.length > 1)
    throw new Error(`${name} exports ${graders.length} graders; it must export one`)
  return { grader, itemsFile: existing(path.replace(/\.[cm]?[jt]s$/, '.items.jsonl')) }
}

const existing = (path: string) => (existsSync(path) ? path : undefined)
