import { sql } from 'drizzle-orm'
import { z } from 'zod'
import type { Grade, Sample } from '../../src/kit/define-grader.ts'
import type { Db } from '../../src/kit/environment.ts'
import { defineGrader } from './environment.ts'

const found = z.object({ rows: z.coerce.number(), touched: z.coerce.number() })

interface Graded {
  readonly sample: Sample
  readonly trajectory: readonly unknown[]
  readonly state: { readonly wrote: number; readonly acted: number }
  readonly db: Db
}

/** Returns a random score above 0, sometimes fails, and reports in its parts what it received. */
export async function gradeByLuck({ sample, trajectory, state, db }: Graded): Promise<Required<Omit<Grade, 'reason'>>> {
  if (sample.output_text.startsWith('flaky') && Math.random() < 0.5) throw new Error('a grader that breaks')
  const own = await db.execute(sql`select count(*) as rows, coalesce(sum(touched), 0) as touched from chaos_rows`)
  const { rows, touched } = found.parse(own[0])
  const parts = { calls: trajectory.length, wrote: state.wrote, acted: state.acted, rows, touched }
  return { score: 1 - Math.random() * 0.9, parts }
}

export const graders = [defineGrader({ name: 'luck', version: '1', grade: gradeByLuck })]
