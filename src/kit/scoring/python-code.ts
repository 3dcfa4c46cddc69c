/** The code of a Python text, or why it cannot be told from what is none. */
export type PythonCode = { readonly ok: true; readonly code: string } | { readonly ok: false; readonly reason: string }

/** What is to stay. */
export interface StripOptions {
  /** Whether the text of strings stays: to tell whether two codes are the same but for comments. False when left out. */
  readonly keepStrings?: boolean
}

/** What opens a string: its prefix, and one or three quotes. */
const opening = /(?<![\p{L}\p{N}_])([rbuft]{0,2})("""|'''|"|')/iuy

/**
 * Takes the comments and strings out of Python code, so that what is left can be searched for names: a comment leaves
 * nothing, a string a pair of quotes. Of an f-string or t-string the text stays, since what stands in its braces runs. Names
 * are brought to the form in which Python compares them (NFKC), so that a full-width `ｅｖａｌ` is found.
 *
 * Not `ok` when a string has no end, and when a quote stands within the braces of an f-string: there, versions of Python
 * differ in where the string ends, and code could hide between the two. Linear; nothing is run.
 *
 * @see https://docs.python.org/3/reference/lexical_analysis.html
 * @example stripPython('x = f(1)  # reference') // { ok: true, code: 'x = f(1)  ' }
 */
export function stripPython(text: string, { keepStrings = false }: StripOptions = {}): PythonCode {
  const kept: string[] = []
  for (let at = 0; at < text.length; ) {
    const start = stringAt(text, at)
    if (start !== undefined) {
      const end = endOf(text, start)
      if (typeof end === 'string') return { ok: false, reason: end }
      const inside = start.formatted || keepStrings ? text.slice(start.inside, end - start.quotes.length) : ''
      kept.push(`'${inside.replace(/[\r\n]/gu, ' ')}'`)
      at = end
      continue
    }
    if (text[at] === '#') {
      while (at < text.length && text[at] !== '\n' && text[at] !== '\r') at += 1
      continue
    }
    kept.push(text[at] ?? '')
    at += 1
  }
  return { ok: true, code: kept.join('').normalize('NFKC') }
}

interface Start {
  readonly quotes: string
  /** Where what is quoted begins. */
  readonly inside: number
  readonly formatted: boolean
}

function stringAt(text: string, at: number): Start | undefined {
  opening.lastIndex = at
  const found = opening.exec(text)
  if (found === null) {
    // After a name, as in `x"…"`, a quote opens a string all the same.
    const quote = text[at]
    return quote === '"' || quote === "'" ? { quotes: quote, inside: at + 1, formatted: false } : undefined
  }
  const [all, prefix = '', quotes = ''] = found
  return { quotes, inside: at + all.length, formatted: /[ft]/iu.test(prefix) }
}

/** Where a string ends, after its quotes; or why that cannot be said. */
function endOf(text: string, { quotes, inside, formatted }: Start): number | string {
  let braces = 0
  for (let at = inside; at < text.length; at += 1) {
    const character = text[at]
    // Raw strings too keep a quote that a backslash stands before.
    if (character === '\\') {
      at += 1
      continue
    }
    if (formatted && braces > 0 && (character === '"' || character === "'")) return 'quotes within an f-string’s braces'
    if (text.startsWith(quotes, at)) return at + quotes.length
    if (quotes.length === 1 && (character === '\n' || character === '\r')) return 'a string without an end'
    if (!formatted) continue
    if (character === '{' && text[at + 1] === '{' && braces === 0) at += 1
    else if (character === '{') braces += 1
    else if (character === '}' && braces > 0) braces -= 1
  }
  return 'a string without an end'
}
