import { existsSync } from 'node:fs'
import { basename, dirname, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { z } from 'zod'
import type { Grader } from '../../kit/define-grader.ts'
import type { JsonGrader } from '../../runtime/openai-graders/json-grader.ts'
import { readJsonGraders } from '../../runtime/openai-graders/read-json-graders.ts'

const graderShape = z.custom<Grader>(
  (value) => z.looseObject({ name: z.string(), version: z.string(), open: z.function() }).safeParse(value).success,
)

/** A grader, and the file of items next to it, if there is one. */
export interface FoundGrader {
  readonly grader: Grader
  readonly itemsFile: string | undefined
}

/** Where {@link findGrader} looks. */
export interface GraderPlaces {
  readonly served: readonly Grader[]
  /** The folder of the served graders. */
  readonly folder: string
  /** Makes graders from JSON files. */
  readonly serve: (graders: readonly JsonGrader[]) => readonly Grader[]
}

/** Thrown if a named grader or file does not exist; the message lists the graders. */
export class NotThereError extends Error {
  override readonly name = 'NotThereError'
}

/**
 * Finds a grader: the served one of this name, the one that a file exports, or the one that a JSON file describes.
 *
 * @throws NotThereError if neither is found, and an Error that says what is wrong with a file.
 */
export async function findGrader(name: string, { served, folder, serve }: GraderPlaces): Promise<FoundGrader> {
  const known = served.find((grader) => grader.name === name)
  if (known !== undefined) {
    return { grader: known, itemsFile: existing(`${folder}/${name}.items.jsonl`) }
  }
  const path = resolve(name)
  const ending = /\.(?:[cm]?[jt]s|json)$/.exec(name)?.[0]
  if (ending === undefined) {
    const names = served.map((grader) => grader.name).join(', ')
    throw new NotThereError(
      `there is no grader "${name}"; the graders are: ${names}. The path of a file that exports a grader, or of a JSON grader, works too`,
    )
  }
  if (!existsSync(path)) throw new NotThereError(`there is no file ${path}`)
  const graders = ending === '.json' ? serve(jsonGradersAt(path)) : await exportedBy(path)
  const [grader] = graders
  if (grader === undefined || graders.length > 1) {
    throw new NotThereError(`${name} has ${graders.length} graders; it must export one`)
  }
  return { grader, itemsFile: existing(`${path.slice(0, -ending.length)}.items.jsonl`) }
}

const jsonGradersAt = (path: string): readonly JsonGrader[] =>
  readJsonGraders(pathToFileURL(`${dirname(path)}/`)).filter((one) => one.name === basename(path, '.json'))

async function exportedBy(path: string): Promise<readonly Grader[]> {
  const exported = z.record(z.string(), z.unknown()).parse({ ...(await import(pathToFileURL(path).href)) })
  return Object.values(exported).flatMap((value) => graderShape.safeParse(value).data ?? [])
}

const existing = (path: string) => (existsSync(path) ? path : undefined)
