import { parseJson, storableJson } from '../../base/json.ts'
import { shorten } from '../../base/text.ts'

/** A call's arguments: a value, or the model's text that is not valid JSON, with the parser's reason. */
export type Arguments =
  | { readonly readable: true; readonly value: unknown }
  | { readonly readable: false; readonly value: string; readonly reason: string }

/**
 * Reads arguments as models send them: JSON text, a parsed value, or nothing at all, which is `{}`. An object that was
 * encoded twice is decoded twice.
 *
 * @example readArguments('"{\\"path\\":\\"a\\"}"') // { readable: true, value: { path: 'a' } }
 */
export function readArguments(given: unknown): Arguments {
  if (given === undefined || given === null) return { readable: true, value: {} }
  if (typeof given !== 'string') return { readable: true, value: storableJson(given) }
  if (given.trim() === '') return { readable: true, value: {} }
  try {
    const value = parseJson(given)
    return { readable: true, value: value === null ? {} : typeof value === 'string' ? objectIn(value) : value }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    return { readable: false, value: given, reason: `${shorten(reason, 200)}; write them as one JSON object` }
  }
}

/** The object that a text encodes, or the text itself: then the tool's schema says what is wrong with it. */
function objectIn(text: string): unknown {
  if (!text.trimStart().startsWith('{')) return text
  try {
    return parseJson(text)
  } catch {
    return text
  }
}

/**
 * The name under which a tool is known, for a name as models and routers write it: with surrounding spaces, with the
 * prefix `functions.`, with a trailing slash. A name that no tool has is returned unchanged.
 */
export function toolNameOf(given: string, tools: ReadonlyMap<string, unknown>): string {
  if (tools.has(given)) return given
  const name = given
    .trim()
    .replace(/\/+$/, '')
    .replace(/^functions\./, '')
  return tools.has(name) ? name : given
}

/**
 * What the model reads about a name that no tool has. A name with something of the model's own format in it, such as
 * `list<|channel|>commentary`, is searched for the name of a tool, which the sentence then suggests.
 */
export function unknownTool(given: string, known: readonly string[]): string {
  const parts = given.toLowerCase().match(/[a-z0-9_-]+/g) ?? []
  const meant = parts.flatMap((part) => known.filter((name) => name.toLowerCase() === part))[0]
  const hint = meant === undefined ? '' : `call "${meant}" by this name alone; `
  return `there is no tool "${shorten(given, 64)}"; ${hint}the tools are: ${known.join(', ')}`
}
