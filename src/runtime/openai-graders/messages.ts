import { z } from 'zod'
import { longestTemplate, parseTemplate } from './template.ts'

/** A text with `{{ … }}` in it; what is wrong with its braces and paths is told with the place, three at most. */
export const templateText = z
  .string()
  .max(longestTemplate)
  .superRefine((text, context) => {
    for (const { at, message } of parseTemplate(text).problems.slice(0, 3)) {
      context.addIssue({ code: 'custom', message: `${message} (character ${at + 1})` })
    }
  })

const part = z.discriminatedUnion('type', [
  z.object({ type: z.enum(['input_text', 'output_text', 'text']), text: templateText }),
  z.object({ type: z.literal('input_image'), image_url: templateText, detail: z.string().nullish() }),
  z.object({
    type: z.literal('input_audio'),
    input_audio: z.object({ data: templateText, format: z.string() }),
  }),
])

/** A part of a message to a judging model: a text, an image or a sound; a bare string is a text. */
export type MessagePart = string | z.infer<typeof part>

/** What a message says: a text or one part or several of them, each with templates. */
const content = z.union([templateText, part, z.array(z.union([templateText, part])).min(1)], {
  error: ({ input }) =>
    input === undefined
      ? undefined
      : 'must be a text, a part such as { "type": "input_text", "text": … }, or a list of these',
})

/**
 * A message to a judging model.
 *
 * @see https://github.com/openai/openai-node/blob/master/src/resources/graders/grader-models.ts (ScoreModelGrader.Input)
 */
export const message = z.object({
  role: z.enum(['user', 'assistant', 'system', 'developer']),
  content,
})

/** A message to a judging model. */
export type Message = z.infer<typeof message>
