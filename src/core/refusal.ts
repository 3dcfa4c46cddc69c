import { storable } from '../base/json.ts'
import { ToolError } from '../kit/errors.ts'

/** A call that is the model's fault, with the text that the model reads. */
export interface Refusal {
  readonly output: string
  /** Stable: `unknown_tool`, `invalid_arguments`, `output_too_large` or `refused_by_tool`. */
  readonly code: string
}

/** The most characters of a refusal: it is a sentence, not an answer. */
const longest = 10_000

/** What a thrown error says to the model, if it is one for the model. */
export function refusalIn(error: unknown): Refusal | undefined {
  if (error instanceof OversizedOutput) return { output: error.message, code: 'output_too_large' }
  if (error instanceof ToolError) return { output: storable(error.message.slice(0, longest)), code: 'refused_by_tool' }
  return undefined
}

/** Thrown when a tool returned more than an answer may hold; it reaches the model like a {@link ToolError}. */
class OversizedOutput extends ToolError {}

/** The output as it is stored and answered; throws a {@link ToolError} when it has more bytes as JSON than `maxBytes`. */
export function fittingOutput(output: string, maxBytes: number): string {
  const text = storable(output)
  // Six bytes is the longest that one UTF-16 unit becomes in JSON.
  const bytes = text.length * 6 <= maxBytes ? 0 : Buffer.byteLength(JSON.stringify(text))
  if (bytes <= maxBytes) return text
  throw new OversizedOutput(`the output has ${bytes} bytes, more than the ${maxBytes} an answer may have; ask for less`)
}
