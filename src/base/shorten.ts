import { storable } from './json.ts'

/**
 * The first `most` UTF-16 units of a text, on one line, for a message: a character that the cut would halve becomes
 * U+FFFD, for half of one can be neither stored nor read by everybody, and so does U+0000.
 *
 * @example shorten('a 😀', 3) // 'a \uFFFD'
 */
export function shorten(text: string, most: number): string {
  return storable(text.slice(0, most).replaceAll(/\s+/g, ' '))
}
