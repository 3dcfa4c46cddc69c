import { parseJson, storableJson } from '../base/json.ts'
import { shorten } from '../base/shorten.ts'

/** A call's arguments: a value, or the model's text that is not valid JSON, with the parser's reason. */
export type Arguments =
  | { readonly readable: true; readonly value: unknown }
  | { readonly readable: false; readonly value: string; readonly reason: string }

/** Reads arguments as models send them: JSON text, a parsed value, or nothing at all, which is `{}`. */
export function readArguments(given: unknown): Arguments {
  if (given === undefined || given === null || given === '') return { readable: true, value: {} }
  if (typeof given !== 'string') return { readable: true, value: storableJson(given) }
  try {
    return { readable: true, value: parseJson(given) }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    return { readable: false, value: given, reason: `${shorten(reason, 200)}; write them as one JSON object` }
  }
}
