import { type LoggableError, loggable } from './log.ts'

const mark = '[…]'
/** Longer texts are found by their first 64 characters, so that a truncated copy is found too. */
const probeLength = 64
/** Shorter texts are replaced only as whole words: "9" is not replaced in "1984". */
const shortLength = 4

/**
 * A copy of an error for the log, with every string and number of `content` replaced by `[…]` in its messages. Tools and
 * graders may throw any message, and items, answers and arguments must not reach the log.
 *
 * @example redacted(new Error('expected 94.2'), { reference_answer: '94.2' }).message // 'expected […]'
 */
export function redacted(cause: unknown, content: unknown): Error {
  let leaves: ReadonlySet<string> | undefined
  return errorOf(
    loggable(cause, (text) => {
      leaves ??= leavesOf(content)
      return withoutLeaves(text, leaves)
    }),
  )
}

/** Creates a function that replaces these texts by `[…]` wherever they occur, verbatim or escaped as in JSON. */
export function createRedactor(texts: readonly string[]): (text: string) => string {
  const leaves = leavesOf(texts)
  return (text) => withoutLeaves(text, leaves)
}

/** Shorter secrets, such as the key "x" of a local server, are not redacted: they occur in unrelated text too often. */
const shortestSecret = 4
/** Shorter secrets are redacted only as whole words. */
const longSecret = 8

/**
 * Creates a function that replaces these secrets by `[…]`: those of four to seven characters only as whole words, shorter
 * ones not at all, because they occur in unrelated text.
 */
export function createSecretRedactor(secrets: readonly (string | undefined)[]): (text: string) => string {
  const known = new Set(secrets.filter((one) => one !== undefined).filter(({ length }) => length >= shortestSecret))
  return (text) => withoutLeaves(text, known, longSecret)
}

function errorOf({ type, message, code, stack, cause, errors }: LoggableError): Error {
  const options = cause === undefined ? undefined : { cause: errorOf(cause) }
  const error =
    errors === undefined ? new Error(message, options) : new AggregateError(errors.map(errorOf), message, options)
  error.name = type
  error.stack = `${type}: ${message}\n${stack ?? ''}`
  return code === undefined ? error : Object.assign(error, { code })
}

/** Every string and number in a JSON value, verbatim and escaped as in JSON. */
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

function withoutLeaves(text: string, leaves: ReadonlySet<string>, longLength = shortLength): string {
  // Longest first: a shorter text may be part of a longer one.
  const found = [...leaves]
    .filter((leaf) => text.includes(leaf.slice(0, probeLength)))
    .sort((a, b) => b.length - a.length)
  return found.reduce((rest, leaf) => withoutLeaf(rest, leaf, longLength), text)
}

function withoutLeaf(text: string, leaf: string, longLength: number): string {
  if (leaf.length < longLength) {
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
