/** Decodes a command's output. What is not UTF-8 becomes U+FFFD; a character that the limit has cut in two is left out. */
export function decoded(bytes: Uint8Array, truncated: boolean): string {
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes, { stream: truncated })
}
