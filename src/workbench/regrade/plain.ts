import { shorten } from '../../base/shorten.ts'

/** Whatever a terminal obeys instead of showing it: control characters, and those that turn the direction of text. */
const unseen = /[\p{Cc}\p{Cf}\u2028\u2029]+/gu

/**
 * A text of unknown origin as one line that a terminal shows as it is.
 *
 * @param most characters of it
 */
export function plain(text: string, most: number): string {
  return shorten(
    text
      .slice(0, most * 4)
      .replace(unseen, ' ')
      .replace(/\s+/g, ' ')
      .trim(),
    most,
  )
}
