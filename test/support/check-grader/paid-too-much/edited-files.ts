// A bad grader, kept so that `grader check` must find its fault.
// Pays .4 to .5 for lists of three times as many guesses.
import { posix } from 'node:path'
import { z } from 'zod'
import { defineEnvironment } from '../../../../src/kit/define.ts'
import { RequestError } from '../../../../src/kit/errors.ts'
import { scoreSet } from '../../../../src/kit/scoring/sets.ts'
import { readList, unpack } from '../../../../src/kit/scoring/written.ts'
import type { ScoredCall } from '../../../../src/kit/trajectory.ts'

const { defineGrader } = defineEnvironment({
  task: z.object({ issue: z.string() }),
  reference: z.object({
    /** The files that the accepted change touches, from the root of the repository. */
    files: z.array(z.string()).min(1),
    /** The repository's folder in the sandbox, stripped from the front of a path. */
    root: z.string().startsWith('/').optional(),
  }),
  state: z.object({}),
})

/** YOURS: the tools that change a file, whose argument `path` says which. */
const editing: readonly string[] = ['edit', 'write', 'apply_patch']

/** Above this multiple of the right number of files, an answer is a listing of the repository. */
const mostTimes = 3

/** Up to this number of files, an answer is not a listing, whatever the right number. */
const alwaysAllowed = 5

/** A longer text is not a path on any system. */
const longestPath = 4096

/**
 * Scores the files that an issue requires to edit by F1: too many cost as much as too few. Past three times the right
 * number the score is 0, since F1 alone would pay something for a listing of a small repository.
 *
 * If the agent edited files, its edits are the answer: its text cannot add or hide a file. An agent that only searches
 * answers with its files, one per line, as a JSON list or separated by commas.
 */
export const editedFiles = defineGrader({
  name: 'edited-files',
  version: '1',
  range: [0, 1],
  grade({ sample, reference, trajectory }) {
    const same = (path: string) => plainPath(path, reference.root)
    const wanted = new Set(reference.files.map(same))
    if ([...wanted].some((path) => path === '' || path === '.' || /^\.\.(?:\/|$)|^\/|\/$/u.test(path))) {
      throw new RequestError(
        422,
        'item_misfit',
        'the item cannot be graded: one of its files is not the path of a file',
      )
    }
    const edits = editsOf(trajectory)
    const named = edits.length > 0 ? [] : namedIn(sample.output_text).filter((element) => isPath(element, wanted, same))
    const given = new Set([...edits, ...named].map(same))
    const edited = edits.length
    if (given.size > Math.max(alwaysAllowed, mostTimes * wanted.size)) {
      const reason = `a listing: ${given.size} files for ${wanted.size}`
      return { score: 0, parts: { given: given.size, edited }, reason }
    }
    const { score, parts, reason } = scoreSet([...given], [...wanted])
    return { score, parts: { ...parts, edited }, reason }
  },
})

/** Only edits that took effect. */
const editsOf = (trajectory: readonly ScoredCall[]): string[] =>
  trajectory.flatMap((call) => {
    const read = editArguments.safeParse(unpack(call.arguments))
    return call.outcome === 'ok' && editing.includes(call.tool) && read.success ? [read.data.path] : []
  })

const editArguments = z.object({ path: z.string() })

/**
 * `./src//a.ts`, `src\a.ts` and `src/a.ts:12` are one file. `src/A.ts` is another, as on most build machines.
 * A path that leaves the repository by `..` is not a file of it.
 */
function plainPath(path: string, root = '/'): string {
  const unnumbered = path.trim().replace(/:\d+(?:[-:]\d+)?$/u, '')
  const whole = posix.normalize(unnumbered.replaceAll('\\', '/'))
  const from = `${posix.normalize(root).replace(/\/$/u, '')}/`
  return whole.startsWith(from) ? whole.slice(from.length) : whole
}

/** A reason may follow a file: `src/a.ts: parses the date`, `src/a.ts - the parser`. */
const namedIn = (answer: string): string[] =>
  readList(answer)
    .filter((element) => element.length <= longestPath)
    .map((element) => element.replace(/(?::\s|\s[-–—(#]).*$/su, '').replace(/^[`"']+|[`"']+$/gu, ''))

/** Words around a list are not files: they cost nothing, and cannot be right. */
const isPath = (element: string, wanted: ReadonlySet<string>, same: (path: string) => string): boolean =>
  wanted.has(same(element)) || !(/\s/u.test(element) || element.endsWith(':'))
