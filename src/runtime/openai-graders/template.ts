import { lookUp, parsePath, type Subject, type TemplatePath } from './template-path.ts'

/** What is wrong with a template, and where. */
export interface TemplateProblem {
  /** Counted in UTF-16 units from 0. */
  readonly at: number
  readonly message: string
}

/** A template taken apart: texts as they stand, and what is to be looked up. */
export interface Template {
  readonly parts: readonly (string | TemplatePath)[]
  readonly problems: readonly TemplateProblem[]
}

/** A path of a template that leads to nothing, and why. */
export interface Missing {
  readonly path: TemplatePath
  readonly why: string
}

/** The text of a template with everything filled in, or why there is none. */
export type Rendered =
  | { readonly ok: true; readonly text: string }
  | {
      readonly ok: false
      readonly why: 'malformed' | 'missing' | 'too_long'
      readonly reason: string
      readonly missing: readonly Missing[]
    }

/** The longest template, in UTF-16 units: as much as OpenAI allows for a grader's source. */
export const longestTemplate = 256 * 1024

/** The longest text that a template may make, in UTF-16 units: twice the megabyte that a request may have. */
export const longestRendered = 2_000_000

/** So many paths that lead to nothing are named; whoever wrote more sees the rest when these are mended. */
const mostMissing = 10

/**
 * Takes a template apart at its `{{ … }}` in one pass and lists what is wrong with it.
 *
 * A single brace is text, as JSON and LaTeX need it, and so is `}}` where it closes two single braces before it
 * (`{"a": {"b": 1}}`). A problem is: `{{` that nothing closes, `}}` that nothing opened, something between the two that
 * is no path, and a path between single braces, which is always a slip.
 */
export function parseTemplate(text: string): Template {
  if (text.length > longestTemplate) {
    const message = `a template may have ${longestTemplate} characters, and this has ${text.length}`
    return { parts: [text], problems: [{ at: longestTemplate, message }] }
  }
  const parts: (string | TemplatePath)[] = []
  const problems: TemplateProblem[] = []
  const report = (at: number, message: string) => problems.push({ at, message })
  /** Where the text that is not yet in `parts` begins, and where the content of an open `{{` does. */
  let from = 0
  let open: number | undefined
  let singles = 0
  let lastSingle: number | undefined
  const abandon = (at: number) => report(at, 'this "{{" is never closed by "}}"')
  for (const { 0: run, index } of text.matchAll(/\{+|\}+/gu)) {
    const isOpening = run.startsWith('{')
    if (open !== undefined && (isOpening || run.length === 1)) {
      abandon(open - 2)
      open = undefined
    }
    if (isOpening) {
      lastSingle = run.length === 1 ? index : undefined
      if (run.length === 1) singles += 1
      else {
        if (run.length > 3) report(index, `${run.length} opening braces in a row`)
        singles += run.length - 2
        open = index + run.length
      }
      continue
    }
    let closing = run.length
    if (open !== undefined) {
      const path = parsePath(text.slice(open, index))
      if (typeof path === 'string') report(open - 2, path)
      else {
        if (open - 2 > from) parts.push(text.slice(from, open - 2))
        parts.push(path)
        from = index + 2
      }
      open = undefined
      closing -= 2
    } else if (closing === 1 && lastSingle !== undefined) {
      const path = parsePath(text.slice(lastSingle + 1, index))
      if (typeof path !== 'string') report(lastSingle, `"{${path.text}}" has single braces where it needs two`)
    }
    if (closing > 1 && closing > singles) report(index, 'this "}}" closes nothing')
    singles = Math.max(0, singles - closing)
    lastSingle = undefined
  }
  if (open !== undefined) abandon(open - 2)
  if (from < text.length) parts.push(text.slice(from))
  return { parts, problems }
}

/** What is wrong with a template, in its order; nothing, if it is right. */
export function checkTemplate(text: string): readonly TemplateProblem[] {
  return parseTemplate(text).problems
}

/**
 * Fills a template in: a text as it is, any other JSON value as JSON. Paths that lead to nothing are named, ten at
 * most; none is ever rendered as nothing. Never throws, and takes time in proportion to the template and what it makes.
 *
 * @example renderTemplate('{{item.a[0]}} or {{ sample.output_text }}', { item: { a: [1] }, sample: { output_text: 'x' } })
 * // { ok: true, text: '1 or x' }
 */
export function renderTemplate(template: string, subject: Subject): Rendered {
  const { parts, problems } = parseTemplate(template)
  const [problem] = problems
  if (problem !== undefined) {
    const reason = `at character ${problem.at + 1} of the template: ${problem.message}`
    return { ok: false, why: 'malformed', reason, missing: [] }
  }
  const missing: Missing[] = []
  let text = ''
  for (const part of parts) {
    const value = typeof part === 'string' ? ({ found: true, value: part } as const) : lookUp(part, subject)
    if (value.found) text += typeof value.value === 'string' ? value.value : (JSON.stringify(value.value) ?? 'null')
    else if (typeof part !== 'string' && !missing.some(({ path }) => path.text === part.text)) {
      if (missing.length === mostMissing) break
      missing.push({ path: part, why: value.why })
    }
    if (text.length > longestRendered) {
      const reason = `the template makes a text of more than ${longestRendered} characters`
      return { ok: false, why: 'too_long', reason, missing: [] }
    }
  }
  if (missing.length === 0) return { ok: true, text }
  const reason = missing.map(({ path, why }) => `${path.text} is missing: ${why}`).join('; ')
  return { ok: false, why: 'missing', reason, missing }
}
