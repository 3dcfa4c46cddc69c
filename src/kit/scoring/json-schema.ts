import { Ajv, type Options } from 'ajv'
import { Ajv2019 } from 'ajv/dist/2019.js'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { bigintIn } from '../../base/exact-json.ts'
import { compilePattern } from './pattern.ts'
import type { Score } from './score.ts'
import { longestCounted } from './score.ts'
import { canonical, readJson } from './written.ts'

/** Recursive schemas are validated by recursion, which could overflow the stack on deeper values. */
const deepest = 60

/**
 * Creates a scorer that validates answers against a JSON Schema: 1 for a valid answer, 0 for an invalid one or for text
 * that is not JSON. Create it once, outside `grade`: compiling a schema takes some milliseconds.
 *
 * Schemas are draft 2020-12, or 2019-09 or draft-07 according to `$schema`. `format` is not validated and unknown keywords
 * are ignored. Patterns run on RE2 and `uniqueItems` uses hashes, so that validation is linear in the length of the
 * answer, except for schemas that refer to themselves from several alternatives.
 *
 * The answer is a value or JSON text, with or without a code fence. Text of more than 200,000 characters and values nested
 * deeper than 60 levels score 0. Throws an Error for an invalid schema and for a reference to another document, and a
 * SyntaxError for a pattern with lookahead or back-references.
 *
 * Source: https://json-schema.org/draft/2020-12, as implemented by ajv.
 *
 * @example
 * const fits = schemaScorer({ type: 'object', required: ['total'] })
 * fits('{"total":3}').score // 1
 * fits('{}') // { score: 0, reason: "the value must have required property 'total'" }
 */
export function schemaScorer(schema: Readonly<Record<string, unknown>> | boolean): (candidate: unknown) => Score {
  const validate = makeAjv(schema).compile(schema)
  return (candidate) => {
    if (typeof candidate === 'string' && candidate.length > longestCounted) {
      return { score: 0, reason: `longer than ${longestCounted} characters` }
    }
    const read = typeof candidate === 'string' ? readJson(candidate) : { json: true as const, value: candidate }
    if (!read.json) return { score: 0, reason: read.reason }
    if (isDeep(read.value)) return { score: 0, reason: `nested deeper than ${deepest} levels` }
    if (validate(withoutBigints(read.value)) === true) return { score: 1, reason: 'fits the schema' }
    const [error] = validate.errors ?? []
    return { score: 0, reason: `${error?.instancePath || 'the value'} ${error?.message ?? 'does not fit the schema'}` }
  }
}

function makeAjv(schema: Readonly<Record<string, unknown>> | boolean): Ajv {
  const options: Options = {
    strict: false,
    logger: false,
    validateFormats: false,
    ownProperties: true,
    code: { regExp: Object.assign((pattern: string) => compilePattern(pattern), { code: 'RE2' }) },
  }
  const draft = typeof schema === 'object' ? String(schema['$schema'] ?? '') : ''
  const ajv = /draft-0[67]/u.test(draft)
    ? new Ajv(options)
    : /2019-09/u.test(draft)
      ? new Ajv2019(options)
      : new Ajv2020(options)
  ajv.removeKeyword('uniqueItems')
  ajv.addKeyword({
    keyword: 'uniqueItems',
    type: 'array',
    schemaType: 'boolean',
    error: { message: 'must not have the same element twice' },
    validate: (wanted: boolean, list: readonly unknown[]) =>
      !wanted || new Set(list.map((element) => canonical([element]))).size === list.length,
  })
  return ajv
}

/** The validator does not know bigints. */
function withoutBigints(value: unknown): unknown {
  if (typeof value === 'bigint') return Number(value)
  if (bigintIn(value) === undefined || typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(withoutBigints)
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, withoutBigints(inner)]))
}

function isDeep(value: unknown): boolean {
  let level = [value]
  for (let depth = 0; depth <= deepest; depth += 1) {
    level = level.flatMap((element) => (typeof element === 'object' && element !== null ? Object.values(element) : []))
    if (level.length === 0) return false
  }
  return true
}
