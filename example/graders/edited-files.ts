import { posix } from 'node:path'
import { z } from 'zod'
import { defineEnvironment } from '../../src/kit/define.ts'
import { RequestError } from '../../src/kit/errors.ts'
import type { ScoredCall } from '../../src/kit/scoring/conduct/trajectory.ts'
import { scoreSet } from '../../src/kit/scoring/sets.ts'
import { readList, unpack } from '../../src/kit/scoring/written.ts'

const { defineGrader } = defineEnvironment({
  task: z.object({ issue: z.string() }),
  reference: z.object({
    /** The files that the accepted change touches, from the root of the repository. */
    files: z.array(z.string()).min(1),
    /** Where the repository lies in the sandbox, taken off the front of a path. */
    root: z.string().startsWith('/').optional(),
  }),
  state: z.object({}),
})

/** YOURS: the tools that change a file, whose argument `path` says which. */
const editing: readonly string[] = ['edit', 'write', 'apply_patch']

/** No system has longer paths. */
const longestPath = 4096

/**
 * The files that an issue needs edited, by F1: to name one too many costs as much as to miss one. More than twice as many
 * files as are right earn nothing, because F1 alone would pay a part for a listing of a small repository.
 *
 * Where the agent edited, its edits are the answer: what it then says cannot add a file or hide one. An agent that only
 * searches names its files, one a line, as a JSON list or between commas.
 */
export const editedFiles = defineGrader({
  name: 'edited-files',
  version: '2',
  range: [0, 1],
  grade({ sample, reference, trajectory }) {
    const same = (path: string) => plainPath(path, reference.root)
    const wanted = new Set(reference.files.map(same))
    if ([...wanted].some((path) => path === '' || path === '.' || /^\.\.(?:\/|$)|^\/|\/$/u.test(path))) {
      throw new RequestError(422, 'item_misfit', 'the item cannot be graded: one of its files is not a path of a file')
    }
    const edits = editsOf(trajectory)
    const named = edits.length > 0 ? [] : namedIn(sample.output_text).filter((element) => isPath(element, wanted, same))
    const given = new Set([...edits, ...named].map(same))
    const { score, parts, reason } = scoreSet([...given], [...wanted], { most: 2 })
    return { score, parts: { ...parts, edited: edits.length }, reason }
  },
})

/** Only edits that took effect. */
function editsOf(trajectory: readonly ScoredCall[]): string[] {
  return trajectory.flatMap((call) => {
    const read = editArguments.safeParse(unpack(call.arguments))
    return call.outcome === 'ok' && editing.includes(call.tool) && read.success ? [read.data.path] : []
  })
}

const editArguments = z.object({ path: z.string() })

/**
 * `./src//a.ts`, `src\a.ts` and `src/a.ts:12` are one file. `src/A.ts` is another, as on most machines that build it.
 * A path that leaves the repository by `..` is not one of its files.
 */
function plainPath(path: string, root = '/'): string {
  const unnumbered = path.trim().replace(/:\d+(?:[-:]\d+)?$/u, '')
  const whole = posix.normalize(unnumbered.replaceAll('\\', '/'))
  const from = `${posix.normalize(root).replace(/\/$/u, '')}/`
  return whole.startsWith(from) ? whole.slice(from.length) : whole
}

/** A file may be followed by a reason: `src/a.ts: parses the date`, `src/a.ts - the parser`. */
function namedIn(answer: string): string[] {
  return readList(answer)
    .filter((element) => element.length <= longestPath)
    .map((element) => element.replace(/(?::\s|\s[-–—(#]).*$/su, '').replace(/^[`"']+|[`"']+$/gu, ''))
}

/** Words around a list are not files: they cost nothing, and cannot be right. */
function isPath(element: string, wanted: ReadonlySet<string>, same: (path: string) => string): boolean {
  return wanted.has(same(element)) || !(/\s/u.test(element) || element.endsWith(':'))
}
