import { z } from 'zod'

const part = z.union([
  z.object({ type: z.enum(['text', 'output_text']), text: z.string() }).transform(({ text }) => text),
  // A refusal or an image, for example, which are not part of the text.
  z.unknown().transform(() => ''),
])
const content = z.union([z.string(), z.array(part).transform((parts) => parts.join(''))])
const choice = z.union([
  z.object({ message: z.object({ content }) }).transform(({ message }) => message.content),
  z.object({ text: z.string() }).transform(({ text }) => text),
])

/**
 * The model's text: `output_text`, or the content of the first choice if that is null, empty or missing. Undefined if
 * neither contains a text.
 *
 * @example outputText({ output_text: null, choices: [{ message: { content: '94' } }] }) // '94'
 */
export function outputText(sample: { readonly output_text?: unknown; readonly choices?: unknown }): string | undefined {
  const { output_text: text, choices } = sample
  if (typeof text === 'string' && text !== '') return text
  const first: unknown = Array.isArray(choices) ? choices[0] : undefined
  return choice.safeParse(first).data
}

const list = z
  .array(z.unknown())
  .nullish()
  .transform((values) => values ?? [])

/**
 * The sample of a grading. Only `output_text` is required; it is null or empty if the model gave no text. If it is missing
 * and no choice has it, the model's answer is unknown, so the grading is refused.
 */
export const sampleBody = z
  .looseObject({
    output_text: z.string('must be a string or null').nullish(),
    output_tools: list,
    choices: list,
  })
  .transform((sample, context) => {
    const text = outputText(sample)
    if (text !== undefined) return { ...sample, output_text: text }
    if (sample.output_text !== undefined) return { ...sample, output_text: '' }
    context.addIssue({ code: 'custom', path: ['output_text'], message: 'is missing, must be a string or null' })
    return z.NEVER
  })
