/** Python code without comments and strings, or why it cannot be separated from them. */
export type PythonCode = { readonly ok: true; readonly code: string } | { readonly ok: false; readonly reason: string }

/** Options of {@link stripPython}. */
export interface StripOptions {
  /** Keep the content of strings, to compare two programs apart from comments; false by default. */
  readonly keepStrings?: boolean
}

/** The start of a string: its prefix, and one or three quotes. */
const opening = /(?<![\p{L}\p{N}_])([rbuft]{0,2})("""|'''|"|')/iuy

/**
 * Removes comments and the content of strings from Python code, so that the rest can be searched for names. The content of
 * f-strings and t-strings is kept, because expressions in braces are evaluated. The result is normalized to NFKC, as Python
 * does with names, so that a full-width `ｅｖａｌ` is found.
 *
 * Not `ok` if a string is not closed, or if there is a quote within the braces of an f-string: Python versions differ in
 * where such a string ends, which could hide code. Linear; nothing is run.
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
  /** The index of the content. */
  readonly inside: number
  readonly formatted: boolean
}

function stringAt(text: string, at: number): Start | undefined {
  opening.lastIndex = at
  const found = opening.exec(text)
  if (found === null) {
    // A quote right after a name, as in `x"…"`, also opens a string.
    const quote = text[at]
    return quote === '"' || quote === "'" ? { quotes: quote, inside: at + 1, formatted: false } : undefined
  }
  const [all, prefix = '', quotes = ''] = found
  return { quotes, inside: at + all.length, formatted: /[ft]/iu.test(prefix) }
}

/** The index after the closing quotes, or why it cannot be determined. */
function endOf(text: string, { quotes, inside, formatted }: Start): number | string {
  let braces = 0
  for (let at = inside; at < text.length; at += 1) {
    const character = text[at]
    // A backslash escapes a quote in raw strings too.
    if (character === '\\') {
      at += 1
      continue
    }
    if (formatted && braces > 0 && (character === '"' || character === "'"))
      return 'a quote within the braces of an f-string'
    if (text.startsWith(quotes, at)) return at + quotes.length
    if (quotes.length === 1 && (character === '\n' || character === '\r')) return 'an unclosed string'
    if (!formatted) continue
    if (character === '{' && text[at + 1] === '{' && braces === 0) at += 1
    else if (character === '{') braces += 1
    else if (character === '}' && braces > 0) braces -= 1
  }
  return 'an unclosed string'
}
