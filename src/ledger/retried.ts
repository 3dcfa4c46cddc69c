import { isUnavailable } from '../postgres/database.ts'

/** Runs a whole-or-nothing statement again when a concurrent one or a lost connection came between. */
export async function retried<Result>(statement: () => Promise<Result>): Promise<Result> {
  for (let turn = 1; ; turn += 1) {
    try {
      return await statement()
    } catch (error) {
      const passing = isUniqueViolation(error) || codeOf(error) === '40P01'
      // A lost connection leaves open whether the statement took effect; run again, it finds its own rows.
      if (!(passing && turn < 10) && !(isUnavailable(error) && turn < 3)) throw error
      if (!passing) await new Promise((resolve) => setTimeout(resolve, 100 * turn))
    }
  }
}

/** Whether an error says that a row stands there already. */
export const isUniqueViolation = (error: unknown): boolean => codeOf(error) === '23505'

const codeOf = (error: unknown): unknown =>
  typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined
