import type { OpenAiGrader } from './check-grader.ts'
import type { Message, MessagePart } from './messages.ts'
import type { SingleGrader } from './single-graders.ts'

/**
 * What the platforms refuse in a reinforcement job although the grader is valid and runs here: one sentence for each, with
 * the path of the grader. Empty if a job takes the grader.
 *
 * @see https://platform.openai.com/docs/guides/graders
 * @see https://platform.openai.com/docs/api-reference/fine-tuning/reinforcement-method
 * @example jobRefusals(labelModelGrader) // ['grader: a job does not accept label_model on its own; put it into a multi grader']
 */
export function jobRefusals(grader: OpenAiGrader): readonly string[] {
  if (grader.type === 'multi') {
    return Object.entries(grader.graders).flatMap(([key, one]) => refusalsOf(one, `grader.graders.${key}`))
  }
  const alone =
    grader.type === 'label_model'
      ? ['grader: a job does not accept label_model on its own; put it into a multi grader']
      : []
  return [...alone, ...refusalsOf(grader, 'grader')]
}

function refusalsOf(grader: SingleGrader, path: string): string[] {
  const refusals: string[] = []
  if (grader.type === 'text_similarity' && grader.evaluation_metric === 'cosine') {
    refusals.push(`${path}.evaluation_metric: a job does not accept cosine; use another metric, such as fuzzy_match`)
  }
  if (grader.type === 'python' && !definesGrade(grader.source)) {
    refusals.push(`${path}.source: a job needs a function grade(sample, item), and the source defines none`)
  }
  if (templatesOf(grader).some(hasStatement)) {
    refusals.push(`${path}: a job does not accept {% … %} in templates, and here it is plain text; use {{ … }} alone`)
  }
  return refusals
}

/** Whether a template has a statement of Jinja: `{% if … %}`, `{%- endfor -%}`. Linear in its length. */
function hasStatement(template: string): boolean {
  const start = /\{%[-+]?\s*\w/u.exec(template)
  return start !== null && template.includes('%}', start.index)
}

/** A function, a name that is assigned, or a name that is imported. */
const definitions = [
  /^[ \t]*def[ \t]+grade[ \t]*\(/mu,
  /^[ \t]*grade[ \t]*(?::[^=\n]+)?=(?!=)/mu,
  /^[ \t]*(?:from[ \t]+\S+[ \t]+)?import\b[^\n]*\bgrade\b/mu,
]

function definesGrade(source: string): boolean {
  return definitions.some((definition) => definition.test(source))
}

function templatesOf(grader: SingleGrader): string[] {
  switch (grader.type) {
    case 'string_check':
    case 'text_similarity':
      return [grader.input, grader.reference]
    case 'score_model':
    case 'label_model':
      return grader.input.flatMap(textsOf)
    case 'python':
    case 'endpoint':
      return []
  }
}

function textsOf({ content }: Message): string[] {
  return (Array.isArray(content) ? content : [content]).map(textOf)
}

function textOf(part: MessagePart): string {
  if (typeof part === 'string') return part
  if (part.type === 'input_image') return part.image_url
  return part.type === 'input_audio' ? part.input_audio.data : part.text
}
