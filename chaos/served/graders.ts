import { sql } from 'drizzle-orm'
import { z } from 'zod'
import { defineGrader } from './environment.ts'

const found = z.object({ rows: z.coerce.number(), touched: z.coerce.number() })

/** Returns a random score, sometimes fails, and reports in its parts what it received. */
export const graders = [
  defineGrader({
    name: 'luck',
    version: '1',
    async grade({ sample, trajectory, state, db }) {
      if (sample.output_text.startsWith('flaky') && Math.random() < 0.5) throw new Error('a grader that breaks')
      const own = await db.execute(sql`select count(*) as rows, coalesce(sum(touched), 0) as touched from chaos_rows`)
      const { rows, touched } = found.parse(own[0])
      const parts = { calls: trajectory.length, wrote: state.wrote, acted: state.acted, rows, touched }
      return { score: Math.random(), parts }
    },
  }),
]
