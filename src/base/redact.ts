import { type LoggableError, loggable } from './log.ts'

const mark = '[…]'
/** Of a text longer than this its beginning is looked for, so that a part of it is found too. */
const probeLength = 64
/** Shorter ones are replaced as whole words alone: "9" is not looked for in "1984". */
const shortLength = 4

/**
 * An error that says to the log what `cause` says, but for what stands in `content`: every text and number of it is
 * replaced by `[…]` in the messages. Tools and graders throw what they like, and items, answers and arguments have no
 * business in a log.
 *
 * @example concealed(new Error('expected 94.2'), { reference_answer: '94.2' }).message // 'expected […]'
 */
export function concealed(cause: unknown, content: unknown): Error {
  let leaves: ReadonlySet<string> | undefined
  return errorOf(
    loggable(cause, (text) => {
      leaves ??= leavesOf(content)
      return withoutLeaves(text, leaves)
    }),
  )
}

/** Makes the function that replaces these texts by `[…]` wherever they stand in a text, as they are or as JSON writes them. */
export function redacting(texts: readonly string[]): (text: string) => string {
  const leaves = leavesOf(texts)
  return (text) => withoutLeaves(text, leaves)
}

function errorOf({ type, message, code, stack, cause, errors }: LoggableError): Error {
  const options = cause === undefined ? undefined : { cause: errorOf(cause) }
  const error =
    errors === undefined ? new Error(message, options) : new AggregateError(errors.map(errorOf), message, options)
  error.name = type
  error.stack = `${type}: ${message}\n${stack ?? ''}`
  return code === undefined ? error : Object.assign(error, { code })
}

/** Every text and number in a JSON value, as it may stand in a message: as it is, and as JSON writes it. */
function leavesOf(content: unknown, leaves: Set<string> = new Set()): Set<string> {
  if (typeof content === 'number' || typeof content === 'bigint') leaves.add(String(content))
  else if (typeof content === 'string') {
    if (content.trim() === '') return leaves
    leaves.add(content)
    leaves.add(JSON.stringify(content).slice(1, -1))
    if (content.trim() !== content) leaves.add(content.trim())
  } else if (typeof content === 'object' && content !== null) {
    for (const inner of Object.values(content)) leavesOf(inner, leaves)
  }
  return leaves
}

function withoutLeaves(text: string, leaves: ReadonlySet<string>): string {
  // The longest first: a short one may stand within it.
  const found = [...leaves]
    .filter((leaf) => text.includes(leaf.slice(0, probeLength)))
    .sort((a, b) => b.length - a.length)
  return found.reduce((left, leaf) => withoutLeaf(left, leaf), text)
}

function withoutLeaf(text: string, leaf: string): string {
  if (leaf.length < shortLength) {
    const escaped = leaf.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')
    return text.replaceAll(new RegExp(`(?<![\\p{L}\\p{N}])${escaped}(?![\\p{L}\\p{N}])`, 'gu'), mark)
  }
  const probe = leaf.slice(0, probeLength)
  let shown = ''
  let from = 0
  for (let at = text.indexOf(probe); at !== -1; at = text.indexOf(probe, from)) {
    let end = probe.length
    while (end < leaf.length && text[at + end] === leaf[end]) end += 1
    shown += `${text.slice(from, at)}${mark}`
    from = at + end
  }
  return shown + text.slice(from)
}
