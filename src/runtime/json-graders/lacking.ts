import type { Runners } from '../openai-graders/runners.ts'
import type { SingleGrader } from '../openai-graders/single-graders.ts'
import type { JsonGrader } from './json-grader.ts'

/**
 * What graders need and this server has not, one sentence for each, so that whoever starts it hears of it before a rollout
 * is lost.
 *
 * @param mayAsk whether an endpoint's address is one that is asked
 */
export function lacking(
  graders: readonly JsonGrader[],
  runners: Runners,
  mayAsk: (address: string) => boolean,
): { readonly grader: string; readonly message: string }[] {
  return graders.flatMap(({ name, grader }) => {
    const all = grader.type === 'multi' ? Object.values(grader.graders) : [grader]
    const needs = new Set(all.flatMap((one) => needOf(one, runners, mayAsk) ?? []))
    return [...needs].map((need) => ({ grader: name, message: `the grader "${name}" gives no score: ${need}` }))
  })
}

function needOf(grader: SingleGrader, runners: Runners, mayAsk: (address: string) => boolean): string | undefined {
  switch (grader.type) {
    case 'score_model':
    case 'label_model':
      return runners.scoreModel === undefined ? 'it asks a judging model, and JUDGE_URL is not set' : undefined
    case 'python':
      return runners.python === undefined ? 'it is Python, and PYTHON_GRADERS is not true' : undefined
    case 'text_similarity':
      return runners.similarity(grader.evaluation_metric) === undefined
        ? `its metric ${grader.evaluation_metric} asks for vectors, and EMBEDDINGS_URL is not set`
        : undefined
    case 'endpoint':
      return mayAsk(grader.url) ? undefined : 'it asks an address that ALLOWED_ADDRESSES does not have'
    case 'string_check':
      return undefined
  }
}
