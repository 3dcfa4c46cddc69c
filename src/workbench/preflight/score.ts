import { z } from 'zod'
import { type Answer, isPage, jsonOf, statusOf, told } from './wire.ts'

const shape = z.looseObject({ score: z.unknown() })

/** The score of a grading's answer, or what is wrong with it. */
export function scoreOf(
  answer: Answer,
  [least, most]: readonly [number, number],
): { readonly score: number } | { readonly problem: string } {
  const status = statusOf(answer)
  if (status === 0) return { problem: told(answer) }
  if (status !== 200) return { problem: `answers ${told(answer)}` }
  if (isPage(answer)) return { problem: `answers ${told(answer)}` }
  const body = shape.safeParse(jsonOf(answer))
  if (!body.success) return { problem: `answers 200 without a score that can be read` }
  const { score } = body.data
  if (typeof score !== 'number') return { problem: `gives the score ${JSON.stringify(score)}, which is no number` }
  if (!Number.isFinite(score)) return { problem: `gives the score ${score}` }
  return score >= least && score <= most
    ? { score }
    : { problem: `gives the score ${score}, which is not from ${least} to ${most}` }
}
