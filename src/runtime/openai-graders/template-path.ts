/** What a grader grades: the dataset row and the model's output, which templates can read. */
export interface Subject {
  readonly item: unknown
  readonly sample: unknown
  /** The rollout's run and id, for endpoint graders; templates cannot read them. */
  readonly run?: string | undefined
  readonly rolloutId?: string | undefined
}

/** A path in the item or the sample, as written between double braces: `item.a.b[0]`. */
export interface TemplatePath {
  /** As written, without surrounding white space. */
  readonly text: string
  readonly namespace: 'item' | 'sample'
  /** Names of fields and indexes of lists; at least one. */
  readonly steps: readonly [string | number, ...(string | number)[]]
}

/** The value at a {@link TemplatePath}, or why there is none, in words that repeat nothing but the path. */
export type Found = { readonly found: true; readonly value: unknown } | { readonly found: false; readonly why: string }

const maxPathLength = 1_000
const maxSteps = 64
const namespacePattern = /^(item|sample)(?![^.[])/u
const stepPattern = /\.([^\s.[\]{}()'"|]+)|\[(\d{1,9})\]|\[\s*(?:"([^"]*)"|'([^']*)')\s*\]/uy

/**
 * Parses a path: a namespace (`item` or `sample`), then `.name`, `[0]` or `["a name"]`, at most 64 of them in at most
 * 1,000 characters. Returns a sentence that says what is wrong if it is not a valid path.
 *
 * @see https://platform.openai.com/docs/guides/graders (Templating)
 * @example parsePath('item.a[0]') // { text: 'item.a[0]', namespace: 'item', steps: ['a', 0] }
 */
export function parsePath(between: string): TemplatePath | string {
  if (between.length > maxPathLength)
    return `a path can have ${maxPathLength} characters, and this one has ${between.length}`
  const path = between.trim()
  if (path === '') return 'there is no path between the braces'
  const namespace = namespacePattern.exec(path)?.[1]
  if (namespace !== 'item' && namespace !== 'sample') return `"${path}" begins with neither "item." nor "sample."`
  const steps: (string | number)[] = []
  stepPattern.lastIndex = namespace.length
  while (stepPattern.lastIndex < path.length) {
    const at = stepPattern.lastIndex
    const step = stepPattern.exec(path)
    if (step === null) return `"${path}" is not a valid path from its character ${at + 1} on`
    steps.push(step[2] === undefined ? (step[1] ?? step[3] ?? step[4] ?? '') : Number(step[2]))
  }
  const [first, ...rest] = steps
  if (first === undefined) return `"${path}" names no field of the ${namespace}`
  if (steps.length > maxSteps) return `a path can have ${maxSteps} steps, and "${path}" has ${steps.length}`
  return { text: path, namespace, steps: [first, ...rest] }
}

/**
 * Follows a path through JSON values. Only own fields of objects and elements of lists exist: nothing is inherited, nothing is
 * called, and strings have no fields. A top-level field of the sample that is null does not exist either, because trainers
 * send null for what they do not have; null anywhere else is a value.
 */
export function lookUp(path: TemplatePath, subject: Subject): Found {
  let value = subject[path.namespace]
  let walked: string = path.namespace
  for (const step of path.steps) {
    const inner = stepInto(value, step)
    if (inner === undefined) return { found: false, why: whyMissing(value, step, walked) }
    walked += typeof step === 'number' ? `[${step}]` : `.${step}`
    value = inner
    const isSampleField = walked === `sample.${step}`
    if (isSampleField && value === null) return { found: false, why: `${walked} is null` }
  }
  return { found: true, value }
}

/** An own field of a JSON object, an element of a list, or undefined. */
export function stepInto(value: unknown, step: string | number): unknown {
  if (Array.isArray(value)) return typeof step === 'number' ? value[step] : undefined
  if (typeof value !== 'object' || value === null || typeof step === 'number') return undefined
  return Object.getOwnPropertyDescriptor(value, step)?.value
}

function whyMissing(value: unknown, step: string | number, walked: string): string {
  if (value === undefined) return `there is no ${walked}`
  if (value === null) return `${walked} is null`
  if (Array.isArray(value)) {
    return typeof step === 'number'
      ? `${walked} has ${value.length === 1 ? '1 element' : `${value.length} elements`}`
      : `${walked} is a list, whose elements are written ${walked}[0]`
  }
  if (typeof value !== 'object') return `${walked} is a ${typeof value}`
  return typeof step === 'number' ? `${walked} is an object, not a list` : `${walked} has no "${step}"`
}
