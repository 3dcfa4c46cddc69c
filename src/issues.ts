import type { z } from 'zod'
import { shorten } from './shorten.ts'

/**
 * Says on one line which fields did not fit and what was expected, the first three of them.
 *
 * @example describeIssues(error) // 'query: Invalid input: expected string, received number'
 */
export function describeIssues(error: z.ZodError, root = 'arguments'): string {
  const lines = error.issues.slice(0, 3).map((issue) => {
    const path = issue.path.map((step) => (typeof step === 'number' ? `[${step}]` : `.${String(step)}`)).join('')
    const where = path === '' ? root : root === 'arguments' ? path.replace(/^\./, '') : `${root}${path}`
    return shorten(`${where}: ${issue.message}`, 300)
  })
  const more = error.issues.length - lines.length
  return more > 0 ? `${lines.join('; ')}; and ${more} more` : lines.join('; ')
}
