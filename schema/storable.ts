/** Replaces what Postgres cannot store or compare, U+0000 and lone surrogates, by U+FFFD. */
export function storable(text: string): string {
  return text.toWellFormed().replaceAll('\0', '\u{FFFD}')
}
