import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { describeIssues, hidingValues, requirements, showingValues } from '../../../src/base/issues.ts'
import { loggable } from '../../../src/base/log.ts'

const nested = z.object({ kind: z.literal('a'), size: z.object({ width: z.number() }) })

/** A schema and an invalid value for every issue code of zod and every variant of a code. */
const cases: readonly (readonly [code: string, schema: z.ZodType, value: unknown, message: string])[] = [
  ['invalid_type', z.string(), 7, 'was 7, must be a string'],
  ['invalid_type', z.object({ content: z.unknown() }), {}, 'is missing, must be present'],
  ['invalid_type', z.object({ content: z.string().optional().nonoptional() }), {}, 'is missing, must be present'],
  ['invalid_type', z.number(), Number.NaN, 'was not a number, must be a number'],
  ['invalid_type', z.int(), 1.5, 'was 1.5, must be a whole number'],
  ['invalid_type', z.bigint(), 1, 'was 1, must be a whole number'],
  ['invalid_type', z.boolean(), 'yes', 'was "yes", must be true or false'],
  ['invalid_type', z.symbol(), 1, 'was 1, must be a symbol'],
  ['invalid_type', z.undefined(), 1, 'was 1, must be left out'],
  ['invalid_type', z.null(), 1, 'was 1, must be null'],
  ['invalid_type', z.never(), 1, 'was 1, must be left out'],
  ['invalid_type', z.void(), 1, 'was 1, must be left out'],
  ['invalid_type', z.nan(), 1, 'was 1, must be NaN'],
  ['invalid_type', z.date(), 'today', 'was "today", must be a date'],
  ['invalid_type', z.array(z.string()), 'a', 'was "a", must be a list'],
  ['invalid_type', z.tuple([z.string()]), 'a', 'was "a", must be a list'],
  ['invalid_type', z.record(z.string(), z.string()), 'a', 'was "a", must be an object'],
  ['invalid_type', z.map(z.string(), z.string()), {}, 'was an object, must be a map'],
  ['invalid_type', z.set(z.string()), [], 'was a list, must be a set'],
  ['invalid_type', z.file(), {}, 'was an object, must be a file'],
  ['invalid_type', z.instanceof(URL), {}, 'was an object, must be a valid URL'],
  ['invalid_value', z.literal('a'), 'b', 'was "b", must be "a"'],
  ['invalid_value', z.enum(['a', 'b']), 'c', 'was "c", must be one of "a", "b"'],
  ['too_small', z.string().min(1), '', 'was "", must have at least 1 character'],
  ['too_small', z.array(z.string()).min(2), [], 'was a list, must have at least 2 items'],
  ['too_small', z.number().gt(1), 1, 'was 1, must be more than 1'],
  ['too_small', z.string().length(3), 'a', 'was "a", must have exactly 3 characters'],
  ['too_small', z.set(z.string()).min(1), new Set(), 'was an object, must have at least 1 item'],
  ['too_small', z.date().min(new Date(0)), new Date(-1), 'was an object, must be at least 1970-01-01T00:00:00.000Z'],
  ['too_small', z.bigint().min(5n), 4n, 'was 4, must be at least 5'],
  ['too_small', z.tuple([z.string(), z.string()]), ['a'], 'was a list, must have at least 2 items'],
  ['too_big', z.string().max(1), 'ab', 'was "ab", must have at most 1 character'],
  ['too_big', z.number().lt(1), 1, 'was 1, must be less than 1'],
  ['too_big', z.tuple([z.string()]), ['a', 'b'], 'was a list, must have at most 1 item'],
  ['not_multiple_of', z.number().multipleOf(2), 3, 'was 3, must be a multiple of 2'],
  ['invalid_format', z.email(), 'a', 'was "a", must be an email address'],
  ['invalid_format', z.url(), 'a', 'was "a", must be a URL'],
  ['invalid_format', z.uuid(), 'a', 'was "a", must be a UUID'],
  ['invalid_format', z.iso.date(), 'a', 'was "a", must be a date such as 2026-01-31'],
  ['invalid_format', z.iso.datetime(), 'a', 'was "a", must be a date and time such as 2026-01-31T12:00:00Z'],
  ['invalid_format', z.iso.duration(), 'a', 'was "a", must be a duration such as PT10M'],
  ['invalid_format', z.ipv4(), 'a', 'was "a", must be an IPv4 address'],
  ['invalid_format', z.cidrv6(), 'a', 'was "a", must be a range of IPv6 addresses'],
  ['invalid_format', z.base64(), '?', 'was "?", must be base64'],
  ['invalid_format', z.e164(), 'a', 'was "a", must be a telephone number such as +4930123456'],
  ['invalid_format', z.jwt(), 'a', 'was "a", must be a JWT'],
  ['invalid_format', z.nanoid(), 'a', 'was "a", must be a valid nanoid'],
  ['invalid_format', z.string().regex(/^x$/), 'a', 'was "a", must match /^x$/'],
  ['invalid_format', z.string().startsWith('x'), 'a', 'was "a", must start with "x"'],
  ['invalid_format', z.string().endsWith('x'), 'a', 'was "a", must end with "x"'],
  ['invalid_format', z.string().includes('x'), 'a', 'was "a", must include "x"'],
  ['invalid_format', z.string().lowercase(), 'A', 'was "A", must be in lower case'],
  ['invalid_format', z.templateLiteral(['n', z.number()]), 'a', 'was "a", must match ^n-?\\d+(?:\\.\\d+)?$'],
  ['unrecognized_keys', z.strictObject({}), { a: 1 }, 'was an object, must have no "a"'],
  ['invalid_union', z.union([z.string(), z.number()]), true, 'was true, must be a string or a number'],
  ['invalid_union', z.union([z.literal('x'), z.null()]), 'a', 'was "a", must be "x" or null'],
  [
    'invalid_union',
    z.union([z.string(), nested]),
    { kind: 'a', size: {} },
    'was an object, must be a string or an object whose size.width is missing, must be a number',
  ],
  [
    'invalid_union',
    z.discriminatedUnion('kind', [nested, z.object({ kind: z.literal('b') })]),
    { kind: 'c' },
    'was "c", must be one of "a", "b"',
  ],
  ['invalid_union', z.xor([z.string(), z.string().max(3)]), 'a', 'was "a", must fit only one of its 2 alternatives'],
  [
    'invalid_key',
    z.record(z.string().max(1), z.number()),
    { ab: 1 },
    'was "ab", must have other keys: one was "ab", must have at most 1 character',
  ],
  [
    'invalid_element',
    z.map(z.object({}), z.number()),
    new Map([[{}, 'b']]),
    'was an object, must have other values: one was "b", must be a number',
  ],
  ['custom', z.string().refine((text) => text === 'x'), 'a', 'was "a", which is not accepted'],
]

const named = cases.map(([code, schema, value, message]) => ({ code, schema, value, message }))

/** Wording of zod's own messages. */
const zodWords =
  /invalid input|invalid option|nonoptional|expected |received |too small|too big|unrecognized|discriminator/i

function allOf({ issues }: z.core.$ZodError): string[] {
  return issues.flatMap((issue) => [
    issue.message,
    ...('errors' in issue ? issue.errors.flat().map(({ message }) => message) : []),
    ...('issues' in issue ? issue.issues.map(({ message }) => message) : []),
  ])
}

describe('an invalid value', () => {
  it.each(named)('$code: "$message"', ({ code, schema, value, message }) => {
    const { error } = schema.safeParse(value, showingValues)
    expect(error?.issues.map((issue) => [issue.code, issue.message])).toEqual([[code, message]])
  })

  it.each(named)('$code: "$message" does not use the wording of zod, also in nested issues', ({ schema, value }) => {
    for (const wording of [showingValues, hidingValues, requirements]) {
      const { error } = schema.safeParse(value, wording)
      if (error === undefined) throw new Error('it fits')
      for (const message of [...allOf(error), describeIssues(error)]) expect(message).not.toMatch(zodWords)
    }
  })

  it('is tested for every issue code of zod', () => {
    const known = {
      invalid_type: 0,
      too_big: 0,
      too_small: 0,
      invalid_format: 0,
      not_multiple_of: 0,
      unrecognized_keys: 0,
      invalid_union: 0,
      invalid_key: 0,
      invalid_element: 0,
      invalid_value: 0,
      custom: 0,
    } satisfies Record<z.core.$ZodIssue['code'], number>
    expect(new Set(cases.map(([code]) => code))).toEqual(new Set(Object.keys(known)))
  })

  it('does not appear where values are hidden', () => {
    const { error } = z.object({ answer: z.number() }).safeParse({ answer: 'forty-two' }, hidingValues)
    expect(error && describeIssues(error, 'item')).toBe('item.answer: was a string, must be a number')
  })
})

describe("an error thrown by a tool's own schema", () => {
  it("is logged with each field's requirement, without values and without zod's wording", () => {
    const schema = z.object({ total: z.number(), tags: z.array(z.string()), code: z.string().refine(() => false) })
    const { error } = schema.safeParse({ total: 'secret', tags: [1], code: 'secret' })
    const { message } = loggable(error)
    expect(message).toBe(
      'a value does not fit its schema: total: must be a number; tags[0]: must be a string; code: must be accepted',
    )
  })
})
