import { z } from 'zod'
import { defineEnvironment } from '../../src/define.ts'
import { RequestError } from '../../src/errors.ts'
import { scoreSet } from '../../src/scoring/sets.ts'
import { readList } from '../../src/scoring/written.ts'

const { defineGrader } = defineEnvironment({
  task: z.object({ issue: z.string() }),
  reference: z.object({ files: z.array(z.string()).min(1) }),
  state: z.object({}),
})

/**
 * `./src/a.ts`, `src\a.ts` and `src//a.ts` are one file. `src/A.ts` is another: on most machines that build it, it is. A
 * path that leaves the repository by `..` stays as it is and is no file of it.
 */
const same = (path: string) =>
  path
    .trim()
    .replace(/[\\/]+/gu, '/')
    .replace(/(?<=^|\/)(?:\.\/)+/gu, '')
    .replace(/^\//u, '')

/** So many times the right number of files is no finding but a listing of the repository. */
const mostTimes = 3

/** For an issue of one file, so many candidates are still an answer. */
const alwaysAllowed = 5

/**
 * The files that an issue makes one edit, by F1: to name too many costs as much as to miss some. Past three times the
 * right number nothing is earned, since F1 alone would pay a part for a listing of a small repository.
 */
export const editedFiles = defineGrader({
  name: 'edited-files',
  version: '1',
  range: [0, 1],
  grade({ sample, reference }) {
    const wanted = new Set(reference.files.map(same))
    if ([...wanted].some((path) => path === '' || path.endsWith('/') || path.startsWith('../'))) {
      throw new RequestError(422, 'item_misfit', 'the item cannot be graded: one of its files is no path of a file')
    }
    const given = new Set(readList(sample.output_text).map(same))
    if (given.size > Math.max(alwaysAllowed, mostTimes * wanted.size)) {
      return { score: 0, parts: { given: given.size }, reason: `a listing: ${given.size} files for ${wanted.size}` }
    }
    return scoreSet([...given], [...wanted])
  },
})
