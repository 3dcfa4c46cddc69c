/** Replaces U+0000 and lone surrogates, which Postgres cannot store, with U+FFFD. */
export function storable(text: string): string {
  return text.toWellFormed().replaceAll('\0', '\u{FFFD}')
}
