/**
 * Reads a reply that is one JSON value and nothing else. Servers that know nothing of schemas may put it into a code
 * fence, and models that think aloud may do so in `<think>` before it. Undefined for anything else: a number that stands in
 * a sentence may be one that the judge quotes.
 *
 * @example readJsonReply('```json\n{"score": 0.5}\n```') // { score: 0.5 }
 */
export function readJsonReply(text: string): unknown {
  const trimmed = text.trim()
  const thought = trimmed.startsWith('<think>') ? trimmed.lastIndexOf('</think>') : -1
  const said = thought === -1 ? trimmed : trimmed.slice(thought + '</think>'.length).trim()
  try {
    return JSON.parse(unfenced(said))
  } catch {
    return undefined
  }
}

function unfenced(text: string): string {
  const firstLine = text.indexOf('\n')
  const isFenced = /^```[A-Za-z]*\s*$/u.test(text.slice(0, Math.min(firstLine, 20)))
  return isFenced && text.endsWith('```') ? text.slice(firstLine + 1, -3) : text
}
