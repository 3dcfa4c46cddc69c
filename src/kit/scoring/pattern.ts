import { RE2JS, RE2JSException } from 're2js'
import type { Score } from './score.ts'

/** A longer pattern may compile into a program that takes too long per character. */
const longestPattern = 1_000
const longestText = 100_000

/** How a pattern is matched. */
export interface PatternOptions {
  /** Whether the pattern must match the whole text. */
  readonly whole?: boolean
  /** Whether to ignore case. */
  readonly ignoreCase?: boolean
  /** Whether `.` matches line breaks. */
  readonly dotAll?: boolean
  /** Whether `^` and `$` match at line breaks. */
  readonly multiline?: boolean
}

/**
 * Scores 1 if a regular expression matches the text or a part of it, and 0 otherwise. The pattern is in RE2 syntax, without
 * lookahead and back-references. Matching is linear in the text, so no answer can block the server, as it could with
 * JavaScript's engine and `(a+)+$`.
 *
 * A text of more than 100,000 characters scores 0 (a complicated pattern takes about a microsecond per character). Throws
 * a SyntaxError for a pattern that RE2 does not support, and a RangeError for one of more than 1,000 characters.
 *
 * Source of the syntax: https://github.com/google/re2/wiki/Syntax
 *
 * @example scorePattern('The answer is 42.', String.raw`\b4\d\b`).score // 1
 */
export function scorePattern(candidate: string, pattern: string, options: PatternOptions = {}): Score {
  const compiled = compilePattern(pattern, options)
  if (candidate.length > longestText) return { score: 0, reason: `longer than ${longestText} characters` }
  const matched = options.whole ? compiled.matches(candidate) : compiled.matcher(candidate).find()
  const extent = options.whole ? 'all of the text' : 'the text'
  return matched
    ? { score: 1, reason: `the pattern matches ${extent}` }
    : { score: 0, reason: `the pattern does not match ${extent}` }
}

/** Compiles a pattern for linear-time matching; throws as {@link scorePattern} does. */
export function compilePattern(pattern: string, options: PatternOptions = {}): RE2JS {
  if (pattern.length > longestPattern) {
    throw new RangeError(`the pattern has ${pattern.length} characters; the maximum is ${longestPattern}`)
  }
  const flags =
    (options.ignoreCase ? RE2JS.CASE_INSENSITIVE : 0) |
    (options.dotAll ? RE2JS.DOTALL : 0) |
    (options.multiline ? RE2JS.MULTILINE : 0)
  try {
    return RE2JS.compile(pattern, flags)
  } catch (error) {
    if (!(error instanceof RE2JSException)) throw error
    throw new SyntaxError(`the pattern is not valid RE2 syntax: ${error.message}`, { cause: error })
  }
}
