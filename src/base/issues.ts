import type { z } from 'zod'
import { shorten } from './text.ts'

type Issue = z.core.$ZodRawIssue
type Nested = z.core.$ZodIssue

/** Pass this to `safeParse` for messages that are sentences for a model or a person and show the wrong value. */
export const showingValues = { error: (issue: Issue) => sentence(issue, shown) }

/** The same without the value: an item holds the answer, which must not appear in a message. */
export const hidingValues = { error: (issue: Issue) => sentence(issue, kindOf) }

/** Only the requirement: "must be a number". */
export const requirements = { error: (issue: Issue) => `must ${requirementOf(issue)}` }

/**
 * Describes the first three invalid fields on one line: their values and what they must be.
 *
 * @example describeIssues(error) // 'query: was 7, must be a string'
 */
export function describeIssues(error: z.ZodError, root = 'arguments'): string {
  const lines = error.issues.slice(0, 3).map((issue) => {
    const path = pathOf(issue.path)
    const where = path === '' ? root : root === 'arguments' ? path.replace(/^\./, '') : `${root}${path}`
    return shorten(`${where}: ${issue.message}`, 300)
  })
  const more = error.issues.length - lines.length
  return more > 0 ? `${lines.join('; ')}; and ${more} more` : lines.join('; ')
}

/**
 * Describes the issues of an error with zod's own messages, such as one thrown by a schema inside a tool: what each field
 * must be, without any values.
 *
 * @example requirementsOf(error) // 'query: must be a string'
 */
export function requirementsOf(error: z.core.$ZodError): string {
  const lines = error.issues.slice(0, 10).map((issue) => {
    const isOwn = issue.code === 'custom' && issue.message !== 'Invalid input'
    const must = isOwn ? issue.message : `must ${requirementOf(issue)}`
    return issue.path.length === 0 ? must : `${pathOf(issue.path).replace(/^\./, '')}: ${must}`
  })
  return `a value does not fit its schema: ${lines.join('; ')}`
}

const pathOf = (path: readonly PropertyKey[]) =>
  path.map((step) => (typeof step === 'number' ? `[${step}]` : `.${String(step)}`)).join('')

/** The message of an issue for which the schema's author gave none. */
function sentence(issue: Issue, show: (value: unknown) => string): string {
  const value = wrongValue(issue)
  const must = issue.code === 'custom' ? 'is not accepted' : `must ${requirementOf(issue)}`
  if (value === undefined) return issue.code === 'custom' ? must : `is missing, ${must}`
  return `was ${show(value)}, ${issue.code === 'custom' ? 'which ' : ''}${must}`
}

/** The invalid value. For an unknown discriminator that is a field of the input, which the issue's path names. */
function wrongValue(issue: Issue): unknown {
  const { input } = issue
  if (issue.code !== 'invalid_union' || typeof issue.discriminator !== 'string') return input
  return typeof input === 'object' && input !== null ? Reflect.get(input, issue.discriminator) : input
}

function requirementOf(issue: Issue | Nested): string {
  switch (issue.code) {
    case 'invalid_type':
      return `be ${typeName(issue.expected)}`
    case 'invalid_value':
      return `be ${issue.values.length > 1 ? 'one of ' : ''}${issue.values.map((value) => JSON.stringify(String(value))).join(', ')}`
    case 'too_small':
      return bounded(
        issue.origin,
        issue.exact ? 'exactly' : issue.inclusive === false ? 'more than' : 'at least',
        issue.minimum,
      )
    case 'too_big':
      return bounded(
        issue.origin,
        issue.exact ? 'exactly' : issue.inclusive === false ? 'less than' : 'at most',
        issue.maximum,
      )
    case 'not_multiple_of':
      return `be a multiple of ${issue.divisor}`
    case 'invalid_format':
      return formatted({ ...issue })
    case 'unrecognized_keys':
      return `have no ${issue.keys.map((key) => JSON.stringify(key)).join(', ')}`
    case 'invalid_union':
      return oneOf(issue)
    case 'invalid_key':
      return `have other keys${reasonOf(issue.issues)}`
    case 'invalid_element':
      return `have other values${reasonOf(issue.issues)}`
    case 'custom':
      return 'be accepted'
  }
}

function reasonOf([first]: readonly Nested[]): string {
  return first === undefined ? '' : `: one ${pathOf(first.path)}${first.path.length > 0 ? ' ' : ''}${first.message}`
}

/** The alternatives of a union. A field that is invalid within one is named, because the rest of it may be valid. */
function oneOf(issue: Extract<Issue | Nested, { code: 'invalid_union' }>): string {
  const options: readonly unknown[] = 'options' in issue && Array.isArray(issue.options) ? issue.options : []
  if (options.length > 0) return `be one of ${options.map((option) => JSON.stringify(String(option))).join(', ')}`
  if (issue.inclusive === false) return `fit only one of its ${issue.matches.length} alternatives`
  const alternatives = issue.errors.flatMap(([first]) => {
    if (first === undefined) return []
    if (first.path.length > 0) return [`be an object whose ${pathOf(first.path).replace(/^\./, '')} ${first.message}`]
    return [first.code === 'custom' ? first.message : requirementOf(first)]
  })
  const distinct = new Set(alternatives)
  if (distinct.has('be a number')) distinct.delete('be a whole number')
  const [one = 'be another value', ...others] = distinct
  const [verb, rest] = ['be ', one.slice(3)]
  const sameVerb = one.startsWith(verb) && others.every((other) => other.startsWith(verb))
  return sameVerb
    ? `${verb}${[rest, ...others.map((other) => other.slice(3))].join(' or ')}`
    : [one, ...others].join(' or ')
}

function bounded(origin: string, bound: string, limit: number | bigint): string {
  const one = {
    string: 'character',
    array: 'item',
    set: 'item',
    map: 'entry',
    object: 'field',
    record: 'field',
    file: 'byte',
  }[origin]
  if (one === undefined) return `be ${bound} ${origin === 'date' ? new Date(Number(limit)).toISOString() : limit}`
  return `have ${bound} ${limit} ${Number(limit) === 1 ? one : one.replace(/y$/, 'ie').concat('s')}`
}

const formatNames: Readonly<Record<string, string>> = {
  email: 'an email address',
  url: 'a URL',
  emoji: 'an emoji',
  uuid: 'a UUID',
  guid: 'a UUID',
  datetime: 'a date and time such as 2026-01-31T12:00:00Z',
  date: 'a date such as 2026-01-31',
  time: 'a time such as 12:00:00',
  duration: 'a duration such as PT10M',
  ipv4: 'an IPv4 address',
  ipv6: 'an IPv6 address',
  cidrv4: 'a range of IPv4 addresses',
  cidrv6: 'a range of IPv6 addresses',
  mac: 'a MAC address',
  base64: 'base64',
  base64url: 'base64url',
  json_string: 'JSON',
  e164: 'a telephone number such as +4930123456',
  jwt: 'a JWT',
  lowercase: 'in lower case',
  uppercase: 'in upper case',
  safeint: 'a whole number',
  int32: 'a whole number of 32 bits',
  uint32: 'a whole number of 32 bits, 0 or more',
  float32: 'a number of 32 bits',
  float64: 'a number',
}

function formatted(issue: Readonly<Record<string, unknown>>): string {
  const { pattern, prefix, suffix, includes } = issue
  const format = String(issue['format'])
  if (prefix !== undefined) return `start with ${JSON.stringify(prefix)}`
  if (suffix !== undefined) return `end with ${JSON.stringify(suffix)}`
  if (includes !== undefined) return `include ${JSON.stringify(includes)}`
  const name = formatNames[format]
  if (name !== undefined) return `be ${name}`
  if (pattern !== undefined && (format === 'regex' || format === 'template_literal')) return `match ${pattern}`
  return `be a valid ${format.replaceAll('_', ' ')}`
}

const typeNames: Readonly<Record<string, string>> = {
  string: 'a string',
  number: 'a number',
  int: 'a whole number',
  bigint: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  tuple: 'a list',
  set: 'a set',
  map: 'a map',
  object: 'an object',
  record: 'an object',
  null: 'null',
  nan: 'NaN',
  undefined: 'left out',
  void: 'left out',
  never: 'left out',
  nonoptional: 'present',
  date: 'a date',
  file: 'a file',
  function: 'a function',
  symbol: 'a symbol',
}
const typeName = (expected: string) => typeNames[expected] ?? `a valid ${expected.replaceAll('_', ' ')}`

function kindOf(value: unknown): string {
  if (value === null) return 'null'
  if (Number.isNaN(value)) return 'not a number'
  if (typeof value === 'bigint') return 'an integer that only a string holds exactly'
  return typeName(Array.isArray(value) ? 'array' : typeof value)
}

/** Lists and objects may be large, so only their kind is named. */
function shown(value: unknown): string {
  if (typeof value === 'string')
    return value.length > 60 ? `a string of ${value.length} characters` : JSON.stringify(value)
  if (typeof value === 'bigint') return String(value)
  return typeof value === 'boolean' || Number.isFinite(value) ? String(value) : kindOf(value)
}
