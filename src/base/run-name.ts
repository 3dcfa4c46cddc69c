/** The run of a request that names none, by a key that is not bound to runs. */
export const defaultRun = 'default'

/** What a run's name must be, for messages. */
export const runNameRule = '1 to 100 letters, digits, dots, dashes or underscores'

/** Whether a text is the name of a run. `.` and `..` are not: clients remove them from addresses. */
export function isRunName(text: string): boolean {
  return /^[A-Za-z0-9._-]{1,100}$/.test(text) && text !== '.' && text !== '..'
}

/** Whether a text is the name of a run, or the first characters of names followed by `*`. */
export function isRunPattern(text: string): boolean {
  return isRunName(text) || /^[A-Za-z0-9._-]{0,99}\*$/.test(text)
}

/**
 * Whether a run is one of these names, or begins like one of the patterns.
 *
 * @example coversRun(['final', 'exp-*'], 'exp-7') // true
 */
export function coversRun(patterns: readonly string[], run: string): boolean {
  return patterns.some((one) => (one.endsWith('*') ? run.startsWith(one.slice(0, -1)) : one === run))
}

/** The part of an address before every other: `/runs/{run}`. */
export const runsPrefix = '/runs/'

/**
 * Splits the path of an address of a run, `/runs/{run}/…`; undefined for any other. The name is not checked.
 *
 * @example runInPath('/runs/exp-7/tools/cat') // { run: 'exp-7', path: '/tools/cat' }
 */
export function runInPath(path: string): { readonly run: string; readonly path: string } | undefined {
  if (!path.startsWith(runsPrefix)) return undefined
  const end = path.indexOf('/', runsPrefix.length)
  return end === -1 ? undefined : { run: path.slice(runsPrefix.length, end), path: path.slice(end) }
}
