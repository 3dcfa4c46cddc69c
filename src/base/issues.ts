import type { z } from 'zod'
import { shorten } from './shorten.ts'

type Issue = z.core.$ZodRawIssue

/** What `safeParse` is given for its messages to be sentences for a model or a person, with the value that was wrong. */
export const showingValues = { error: (issue: Issue) => sentence(issue, shown(issue.input)) }

/** The same without the value: an item holds the answer, which nobody is to read in a message. */
export const hidingValues = { error: (issue: Issue) => sentence(issue, kindOf(issue.input)) }

/**
 * Says on one line which fields did not fit, what they were and what they must be, the first three of them.
 *
 * @example describeIssues(error) // 'query: was 7, must be a string'
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

/** Zod has the author's own message where there is one, and its default where this gives none. */
function sentence(issue: Issue, was: string): string | undefined {
  const must = mustOf(issue)
  if (must === undefined) return undefined
  return issue.input === undefined ? `is missing, must ${must}` : `was ${was}, must ${must}`
}

function mustOf(issue: Issue): string | undefined {
  switch (issue.code) {
    case 'invalid_type':
      return `be ${typeName(issue.expected)}`
    case 'invalid_value':
      return `be ${issue.values.length > 1 ? 'one of ' : ''}${issue.values.map((value) => JSON.stringify(String(value))).join(', ')}`
    case 'too_small':
      return `${issue.inclusive === false ? 'be more than' : measured(issue.origin, 'at least')} ${issue.minimum}${unitOf(issue.origin, issue.minimum)}`
    case 'too_big':
      return `${issue.inclusive === false ? 'be less than' : measured(issue.origin, 'at most')} ${issue.maximum}${unitOf(issue.origin, issue.maximum)}`
    case 'not_multiple_of':
      return `be a multiple of ${issue.divisor}`
    case 'invalid_format':
      return issue.format === 'regex' ? `match ${issue.pattern}` : `be a valid ${issue.format.replaceAll('_', ' ')}`
    case 'unrecognized_keys':
      return `have no ${issue.keys.map((key) => JSON.stringify(key)).join(', ')}`
    case 'invalid_union': {
      const types = issue.errors.map(([first]) =>
        first?.code === 'invalid_type' ? typeName(first.expected) : undefined,
      )
      return types.includes(undefined) || types.length === 0 ? undefined : `be ${[...new Set(types)].join(' or ')}`
    }
    default:
      return undefined
  }
}

const measured = (origin: string, bound: string) => (unitOf(origin, 2) === '' ? `be ${bound}` : `have ${bound}`)

function unitOf(origin: string, count: number | bigint): string {
  const one = { string: ' character', array: ' item', set: ' item', map: ' entry', file: ' byte' }[origin]
  if (one === undefined) return ''
  return Number(count) === 1 ? one : one.replace(/y$/, 'ie').concat('s')
}

const typeNames: Readonly<Record<string, string>> = {
  string: 'a string',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  tuple: 'a list',
  object: 'an object',
  record: 'an object',
  null: 'null',
  undefined: 'left out',
  never: 'left out',
  date: 'a date',
}
const typeName = (expected: string) => typeNames[expected] ?? `of the type ${expected}`

function kindOf(value: unknown): string {
  if (value === null) return 'null'
  return typeName(Array.isArray(value) ? 'array' : typeof value)
}

/** Lists and objects may be of any size: they are told by their kind. */
function shown(value: unknown): string {
  if (typeof value === 'string')
    return value.length > 60 ? `a string of ${value.length} characters` : JSON.stringify(value)
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : kindOf(value)
}
