import { sql } from 'drizzle-orm'
import { defineGrader } from '../../environment/environment.ts'

/** Graders that succeed and fail in every way, each with the reference in its error. */
export const graders = [
  defineGrader({ name: 'fair', version: '1', grade: () => ({ score: 0.5, parts: { answer: 0.5 } }) }),
  defineGrader({
    ...{ name: 'throw', version: '1' },
    grade({ sample, reference, trajectory }) {
      const seen = trajectory.map(({ output }) => output).join()
      const cause = new TypeError(`${reference.reference_answer} is not in ${seen}`)
      throw Object.assign(new Error(`expected ${reference.reference_answer}, got ${sample.output_text}`, { cause }), {
        reference,
      })
    },
  }),
  defineGrader({
    ...{ name: 'query', version: '1' },
    async grade({ db, reference }) {
      await db.execute(sql`select ${reference.reference_answer}::int`)
      return 1
    },
  }),
  defineGrader({ name: 'nan', version: '1', grade: ({ reference }) => Number(reference.reference_answer) }),
  defineGrader({
    ...{ name: 'judge', version: '1' },
    async grade({ sample, reference, judge }) {
      const prompt = `Is it ${reference.reference_answer}?`
      return (await judge({ prompt, answer: sample.output_text })).score
    },
  }),
  defineGrader({
    ...{ name: 'slow', version: '1', timeoutSeconds: 0.2 },
    grade: ({ reference, signal }) =>
      new Promise<number>((_, reject) =>
        signal.addEventListener('abort', () => reject(new Error(reference.reference_answer))),
      ),
  }),
]
