import { hash } from 'node:crypto'

/** A text between two lines that it cannot contain. */
export interface Fenced {
  /** The line before the text. */
  readonly begin: string
  /** The line after the text. */
  readonly end: string
  /** The two lines with the text between them. */
  readonly text: string
}

/**
 * Puts a text between two lines whose marker does not stand in it, so that nothing in the text can end it. The marker comes
 * of the text's own hash: equal texts have equal fences, and an answer is found again in what was judged before.
 *
 * @param hashOf gives at least 16 hexadecimal digits, small letters
 * @example fence('42').begin // '<<<ANSWER 73475cb40a568e8d>>>'
 */
export function fence(text: string, hashOf = sha256): Fenced {
  const lower = text.toLowerCase()
  let digest = hashOf(text)
  // Nobody can write the hash of a text into it, but for luck.
  while (lower.includes(digest.slice(0, 16))) digest = hashOf(digest)
  const marker = digest.slice(0, 16)
  const begin = `<<<ANSWER ${marker}>>>`
  const end = `<<<END OF ANSWER ${marker}>>>`
  return { begin, end, text: `${begin}\n${text}\n${end}` }
}

const sha256 = (text: string) => hash('sha256', text)
