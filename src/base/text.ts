/**
 * Replaces the characters that Postgres cannot store, U+0000 and lone surrogates, by U+FFFD.
 *
 * @example storable('a\u0000b') // 'a\uFFFDb'
 */
export function storable(text: string): string {
  const wellFormed = text.isWellFormed() ? text : text.toWellFormed()
  return wellFormed.includes('\u0000') ? wellFormed.replaceAll('\u0000', '\uFFFD') : wellFormed
}

/**
 * The first `most` UTF-16 units of a text, on one line, for a message. A surrogate pair that is cut in half becomes
 * U+FFFD, and so does U+0000.
 *
 * @example shorten('a 😀', 3) // 'a \uFFFD'
 */
export function shorten(text: string, most: number): string {
  return storable(text.slice(0, most).replaceAll(/\s+/g, ' '))
}

/**
 * A number with its noun, in the plural unless the number is 1.
 *
 * @example counted(1_200, 'row') // '1,200 rows'
 */
export function counted(count: number, noun: string): string {
  return `${count.toLocaleString('en-US')} ${noun}${count === 1 ? '' : 's'}`
}
