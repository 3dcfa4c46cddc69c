import { posix } from 'node:path'
import { z } from 'zod'
import { defineEnvironment } from '../../src/kit/define.ts'
import { RequestError } from '../../src/kit/errors.ts'
import { scoreSet } from '../../src/kit/scoring/sets.ts'
import { readList, unpack } from '../../src/kit/scoring/written.ts'
import type { ScoredCall } from '../../src/kit/trajectory.ts'

const { defineGrader } = defineEnvironment({
  task: z.object({ issue: z.string() }),
  reference: z.object({
    /** The files that the accepted change touches, from the root of the repository. */
    files: z.array(z.string()).min(1),
    /** The repository's folder in the sandbox; this prefix is removed from paths. */
    root: z.string().startsWith('/').optional(),
  }),
  state: z.object({}),
})

/** YOURS: the tools that change the file named by their argument `path`. */
const editing: readonly string[] = ['edit', 'write', 'apply_patch']

/** The longest path of any common system. */
const longestPath = 4096

/**
 * The files that an issue requires to be edited, by F1: an extra file costs as much as a missing one. An answer with more
 * than twice the right number of files earns nothing, because F1 alone would partly reward a listing of a small repository.
 *
 * If the agent made edits, they are the answer, and its text can neither add nor hide a file. An agent that only searches
 * names its files one per line, as a JSON list or separated by commas.
 */
export const editedFiles = defineGrader({
  name: 'edited-files',
  version: '2',
  range: [0, 1],
  grade({ sample, reference, trajectory }) {
    const same = (path: string) => plainPath(path, reference.root)
    const wanted = new Set(reference.files.map(same))
    if ([...wanted].some((path) => path === '' || path === '.' || /^\.\.(?:\/|$)|^\/|\/$/u.test(path))) {
      throw new RequestError(422, 'item_misfit', 'the item cannot be graded: one of its files is not a valid file path')
    }
    const edits = editsOf(trajectory)
    const named = edits.length > 0 ? [] : namedIn(sample.output_text).filter((element) => isPath(element, wanted, same))
    const given = new Set([...edits, ...named].map(same))
    const { score, parts, reason } = scoreSet([...given], [...wanted], { most: 2 })
    return { score, parts: { ...parts, edited: edits.length }, reason }
  },
})

/** The files of successful edits. */
function editsOf(trajectory: readonly ScoredCall[]): string[] {
  return trajectory.flatMap((call) => {
    const read = editArguments.safeParse(unpack(call.arguments))
    return call.outcome === 'ok' && editing.includes(call.tool) && read.success ? [read.data.path] : []
  })
}

const editArguments = z.object({ path: z.string() })

/**
 * `./src//a.ts`, `src\a.ts` and `src/a.ts:12` are the same file; `src/A.ts` is a different one, as on most build machines.
 * A path that leaves the repository with `..` is not one of its files.
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

/** Text around a list is not a file: it neither costs nor earns anything. */
function isPath(element: string, wanted: ReadonlySet<string>, same: (path: string) => string): boolean {
  return wanted.has(same(element)) || !(/\s/u.test(element) || element.endsWith(':'))
}
