import { RE2JS, RE2JSException } from 're2js'
import type { Score } from './score.ts'

/** A longer pattern compiles into a program that makes each character of the text dear. */
const longestPattern = 1_000
const longestText = 100_000

/** How a pattern is to be read. */
export interface PatternOptions {
  /** Whether the pattern has to match all of the text, not only a part of it. */
  readonly whole?: boolean
  /** Whether upper and lower case are the same. */
  readonly ignoreCase?: boolean
  /** Whether `.` matches a line break too. */
  readonly dotAll?: boolean
  /** Whether `^` and `$` match at line breaks too. */
  readonly multiline?: boolean
}

/**
 * Scores 1 when a regular expression matches the text, or a part of it, and 0 else. The pattern is in RE2's syntax, which
 * is what most patterns are written in, without lookahead and back-references: it runs in time linear in the text, so that
 * no answer can hang the server, as it can with JavaScript's own engine and `(a+)+$`.
 *
 * An empty text is matched like any other. A text of more than 100,000 characters scores 0 without being read (a
 * complicated pattern takes about a microsecond a character). Throws a SyntaxError for a pattern that RE2 does not know,
 * and a RangeError for one of more than 1,000 characters.
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
    throw new RangeError(`the pattern has ${pattern.length} characters; at most ${longestPattern} can be run`)
  }
  const flags =
    (options.ignoreCase ? RE2JS.CASE_INSENSITIVE : 0) |
    (options.dotAll ? RE2JS.DOTALL : 0) |
    (options.multiline ? RE2JS.MULTILINE : 0)
  try {
    return RE2JS.compile(pattern, flags)
  } catch (error) {
    if (!(error instanceof RE2JSException)) throw error
    throw new SyntaxError(`not a pattern that runs in linear time: ${error.message}`, { cause: error })
  }
}
