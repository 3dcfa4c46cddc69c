const wrappers: readonly (readonly [open: string, close: string])[] = [
  ['*', '*'],
  ['_', '_'],
  ['`', '`'],
  ['"', '"'],
  ["'", "'"],
  ['“', '”'],
  ['‘', '’'],
  ['«', '»'],
  ['$', '$'],
  ['\\(', '\\)'],
  ['\\[', '\\]'],
]

/**
 * Removes decoration around a number: LaTeX, Markdown, quotes, a final full stop, a leading `~`, `≈` or `=`, a literal
 * `\n` at either end.
 *
 * Takes quadratic time, so limit the length first.
 *
 * @example undress('**$\\boxed{14.1\\%}$**.') // '14.1%'
 */
export function undress(text: string): string {
  let rest = withoutLatex(text.replace(/^\s*(?:\\+n)+|(?:\\+n)+\s*$/gu, ''))
  let approximate = false
  for (;;) {
    let inner = peel(rest.trim())
    if (!approximate && /^[~≈≃≅=]/u.test(inner)) {
      approximate = true
      inner = inner.slice(1)
    }
    if (inner === rest) return rest
    rest = inner
  }
}

function withoutLatex(text: string): string {
  const symbols = text
    .replace(/\\[cdt]?frac\s?(?:\{([^{}]*)\}\s?\{([^{}]*)\}|(\d)\s?(\d))/gu, ' $1$3/$2$4')
    .replace(/\{,\}/gu, ',')
    .replace(/\^\{([^{}]*)\}/gu, '^$1')
    .replace(/\\(?:times|cdot)(?![a-z])/gu, '×')
    .replace(/\\(?:approx|sim)(?![a-z])/gu, '≈')
    .replace(/\\pounds(?![a-z])/gu, '£')
    .replace(/\\(?:left|right|displaystyle)(?![a-z])/gu, '')
    .replace(/\\([$%~#-])/gu, '$1')
    .replace(/\\!/gu, '')
    .replace(/\\[,;: ]/gu, ' ')
  return withoutBox(withoutFontCommands(symbols))
}

function withoutFontCommands(text: string): string {
  for (let before = text; ; ) {
    const after = before.replace(/\\(?:text|math)(?:bf|it|rm|tt|sf|up|normal)?\s?\{([^{}]*)\}/gu, '$1')
    if (after === before) return after
    before = after
  }
}

/** Only a single box is removed, because two are two answers. */
function withoutBox(text: string): string {
  return text.split('\\boxed').length === 2 ? text.replace(/\\boxed\s?\{([^{}]*)\}/u, '$1') : text
}

function peel(text: string): string {
  if (text.startsWith('```') && text.endsWith('```') && text.length > 6) {
    return text.slice(3, -3).replace(/^[a-z]{1,12}\n/u, '')
  }
  for (const [open, close] of wrappers) {
    if (text.startsWith(open) && text.endsWith(close) && text.length > open.length + close.length) {
      return text.slice(open.length, -close.length)
    }
  }
  if (/^\$[^$]+\$\s?%$/u.test(text)) return text.replaceAll('$', '')
  if (/^#{1,6}\s/u.test(text)) return text.replace(/^#+/u, '')
  if (text.endsWith('.') && text.length > 1) return text.slice(0, -1)
  // **14.1**% and **5** million, but not 10**6
  const bold = text.replace(/(?<!\d)\*\*|\*\*(?![-+]?\d)/gu, '')
  return text.split('**').length === 3 ? bold : text
}

const superscripts = '⁰¹²³⁴⁵⁶⁷⁸⁹'
const digitZeros = [0x660, 0x6f0, 0x966, 0x9e6, 0xe50]

/**
 * Replaces Unicode variants by plain characters: full-width and other digits, dashes and minus signs, spaces, superscripts
 * (`10⁶` becomes `10^6`). Removes invisible characters.
 */
export function plainCharacters(text: string): string {
  return (
    text
      // Before NFKC, which would turn 10⁶ into 106 and 5½ into 51/2.
      .replace(/[⁰¹²³⁴-⁹⁺⁻]+/gu, (run) => `^${[...run].map(superscript).join('')}`)
      .replace(/[₀-₉]/gu, '_$&')
      .replace(/[½¼¾⅐-⅞↉]/gu, ' $& ')
      .normalize('NFKC')
      .replace(/\p{Cf}/gu, '')
      .replace(/[\u2010-\u2015\u2212\u2043]/gu, '-')
      .replace(/[\u2044\u2215]/gu, '/')
      .replace(/\u2236/gu, ':')
      .replace(/\u066a/gu, '%')
      .replace(/\u066b/gu, '.')
      .replace(/\u066c/gu, ',')
      .replace(/[٠-٩۰-۹०-९০-৯๐-๙]/gu, asciiDigit)
      .replace(/\bU\.S\.(?!\w)/gu, 'US')
      .replace(/\bRs\./giu, 'Rs ')
  )
}

function superscript(character: string): string {
  if (character === '⁺') return '+'
  if (character === '⁻') return '-'
  return String(superscripts.indexOf(character))
}

function asciiDigit(character: string): string {
  const code = character.charCodeAt(0)
  return String(digitZeros.map((zero) => code - zero).find((digit) => digit >= 0 && digit <= 9) ?? '')
}
