const SUPERSCRIPTS = '⁰¹²³⁴⁵⁶⁷⁸⁹'
const DIGIT_ZEROS = [0x660, 0x6f0, 0x966, 0x9e6, 0xe50]

/**
 * Reduces the ways that Unicode has of writing one character to the plain one: full-width and other digits, dashes and
 * minus signs, kinds of space, superscripts (`10⁶` becomes `10^6`), invisible characters.
 */
export const plainCharacters = (text: string): string =>
  text
    // NFKC alone would turn 10⁶ into 106 and 5½ into 51/2: these two go first.
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

const superscript = (character: string): string => {
  if (character === '⁺') return '+'
  if (character === '⁻') return '-'
  return String(SUPERSCRIPTS.indexOf(character))
}

const asciiDigit = (character: string): string => {
  const code = character.charCodeAt(0)
  return String(DIGIT_ZEROS.map((zero) => code - zero).find((digit) => digit >= 0 && digit <= 9) ?? '')
}
