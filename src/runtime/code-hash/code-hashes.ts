import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import type { Grader } from '../../kit/define-grader.ts'
import { hashGraders, listOfGraders } from './hash-graders.ts'

/** What the build leaves where the sources are not: the hash of each grader by its name. */
export const hashesFile = 'code-hashes.json'

const shape = z.record(z.string(), z.string())

/** The folder of this program: that of the sources, or of what was built of them. */
export const programFolder: string = fileURLToPath(new URL('../../../', import.meta.url))

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
