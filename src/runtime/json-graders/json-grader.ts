import type { Grader } from '../../kit/define-grader.ts'
import type { OpenAiGrader } from '../openai-graders/check-grader.ts'
import { runGrader } from '../openai-graders/run-grader.ts'
import type { Runners } from '../openai-graders/runners.ts'
import { completeSample } from './complete-sample.ts'
import { withoutScore } from './without-score.ts'

/** A grader that is a file of OpenAI's grader JSON. */
export interface JsonGrader {
  /** The file's name without its ending; its address is `/graders/{name}`. */
  readonly name: string
  /** The first 12 digits of {@link codeHash}: it changes whenever the JSON does. */
  readonly version: string
  /** SHA-256 of the canonical JSON, in hex. */
  readonly codeHash: string
  readonly grader: OpenAiGrader
}

/**
 * Makes the server's grader of one in OpenAI's format: it sees the item as it is, the sample as {@link completeSample} has
 * it, and the rollout's trajectory. The scores of a multi grader's graders are its parts.
 *
 * A grading without a score rejects as `withoutScore` says.
 */
export function serveJsonGrader({ name, version, codeHash, grader }: JsonGrader, runners: Runners): Grader {
  return {
    name,
    version,
    codeHash,
    range: rangeOf(grader),
    timeoutSeconds: undefined,
    open: (item) => ({
      fits: true,
      run: async ({ sample, trajectory, rolloutId, signal }) => {
        const subject = { item, sample: completeSample(sample, trajectory), rolloutId }
        const graded = await runGrader(grader, subject, runners, signal)
        if (graded.score === null) throw withoutScore(name, graded)
        const parts = Object.entries(graded.subScores).flatMap(([key, part]) => (part === null ? [] : [[key, part]]))
        return { score: graded.score, parts: Object.fromEntries(parts), reason: graded.reason }
      },
    }),
  }
}

/** Whether a grader asks a server, itself or one of its own. */
export function asksEndpoint({ grader }: JsonGrader): boolean {
  const all = grader.type === 'multi' ? Object.values(grader.graders) : [grader]
  return all.some(({ type }) => type === 'endpoint')
}

/** Least and greatest score: whatever is finite where a formula, a server or Python makes it. */
function rangeOf(grader: OpenAiGrader): readonly [number, number] {
  if (grader.type === 'score_model') return grader.range ?? [0, 1]
  if (grader.type === 'text_similarity' && grader.evaluation_metric === 'cosine') return [-1, 1]
  if (grader.type === 'multi' || grader.type === 'endpoint' || grader.type === 'python') {
    return [-Number.MAX_VALUE, Number.MAX_VALUE]
  }
  return [0, 1]
}
