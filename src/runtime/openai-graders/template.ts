import { stringifyExactly } from '../../base/exact-json.ts'
import { lookUp, parsePath, type Subject, type TemplatePath } from './template-path.ts'

/** What is wrong with a template, and where. */
export interface TemplateProblem {
  /** Counted in UTF-16 units from 0. */
  readonly at: number
  readonly message: string
}

/** A parsed template: literal texts and paths. */
export interface Template {
  readonly parts: readonly (string | TemplatePath)[]
  readonly problems: readonly TemplateProblem[]
}

/** A path of a template that does not exist, and why. */
export interface Missing {
  readonly path: TemplatePath
  readonly why: string
}

/** The rendered text of a template, or why there is none. */
export type Rendered =
  | { readonly ok: true; readonly text: string }
  | {
      readonly ok: false
      readonly why: 'malformed' | 'missing' | 'too_long'
      readonly reason: string
      readonly missing: readonly Missing[]
    }

/** The maximum length of a template, in UTF-16 units: OpenAI's limit for a grader's source. */
export const maxTemplateLength = 256 * 1024

/** The maximum length of a rendered template, in UTF-16 units: twice the megabyte of a request. */
export const maxRenderedLength = 2_000_000

/** How many missing paths are named; the rest appears when these are fixed. */
const maxMissing = 10

/**
 * Parses a template's `{{ … }}` in one pass and lists its problems.
 *
 * A single brace is text, for JSON and LaTeX, and so is `}}` that closes two single braces before it (`{"a": {"b": 1}}`).
 * Problems are: `{{` without an end, `}}` without a beginning, something between them that is not a path, and a path between
 * single braces, which is always a typing error.
 */
export function parseTemplate(text: string): Template {
  if (text.length > maxTemplateLength) {
    const message = `a template can have ${maxTemplateLength} characters, and this one has ${text.length}`
    return { parts: [text], problems: [{ at: maxTemplateLength, message }] }
  }
  const parts: (string | TemplatePath)[] = []
  const problems: TemplateProblem[] = []
  const report = (at: number, message: string) => problems.push({ at, message })
  /** The beginning of the text that is not yet in `parts`, and of the content of an open `{{`. */
  let from = 0
  let open: number | undefined
  let singles = 0
  let lastSingle: number | undefined
  const reportUnclosed = (at: number) => report(at, 'this "{{" is never closed by "}}"')
  for (const { 0: run, index } of text.matchAll(/\{+|\}+/gu)) {
    const isOpening = run.startsWith('{')
    if (open !== undefined && (isOpening || run.length === 1)) {
      reportUnclosed(open - 2)
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
  if (open !== undefined) reportUnclosed(open - 2)
  if (from < text.length) parts.push(text.slice(from))
  return { parts, problems }
}

/** The problems of a template in their order; empty if it is valid. */
export function checkTemplate(text: string): readonly TemplateProblem[] {
  return parseTemplate(text).problems
}

/**
 * Renders a template: strings as they are, other JSON values as JSON. A path that does not exist is never rendered as nothing;
 * the first ten are named. Never throws, and takes time in proportion to the template and its result.
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
    if (value.found) text += typeof value.value === 'string' ? value.value : stringifyExactly(value.value)
    else if (typeof part !== 'string' && !missing.some(({ path }) => path.text === part.text)) {
      if (missing.length === maxMissing) break
      missing.push({ path: part, why: value.why })
    }
    if (text.length > maxRenderedLength) {
      const reason = `the rendered template has more than ${maxRenderedLength} characters`
      return { ok: false, why: 'too_long', reason, missing: [] }
    }
  }
  if (missing.length === 0) return { ok: true, text }
  const reason = missing.map(({ path, why }) => `${path.text} is missing: ${why}`).join('; ')
  return { ok: false, why: 'missing', reason, missing }
}
