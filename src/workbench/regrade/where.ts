import type { Comparison, Condition } from '../../ledger/reports/condition.ts'

/** One condition: `FIELD OPERATOR VALUE`, then `and` or the end. */
const pattern =
  /\s*(part\.)?("[^"]*"|[^\s"'=!<>]+)\s*(<=|>=|!=|<>|==|=|<|>)\s*("[^"]*"|'[^']*'|[^\s"'=!<>]+)(?:\s+(and)\s+|\s*$)/iy

const outcomes: readonly string[] = ['scored', 'failed', 'ungradable']
const fields = 'score, part.NAME, calls, outcome, version, code, tool'

/**
 * Reads conditions: `FIELD OPERATOR VALUE`, joined by `and`. `score` and `part.NAME` (of the earlier grading) and `calls` (of the
 * rollout) are compared with a number by `=`, `!=`, `<`, `<=`, `>`, `>=`; `outcome`, `version`, `code` (of the earlier grading) and
 * `tool` (one that the rollout called) with a text by `=` and `!=`. Names and values with spaces are quoted. All of it becomes
 * parameters of the SQL, not its text.
 *
 * @throws Error that says what could not be read, and what can be.
 * @example parseWhere('score < 0.5 and tool = search')
 */
export function parseWhere(text: string): Condition[] {
  const conditions: Condition[] = []
  pattern.lastIndex = 0
  for (let more = true; more; ) {
    const at = pattern.lastIndex
    const found = pattern.exec(text)
    if (found === null) {
      throw new Error(
        `cannot read "${text.slice(at)}": write FIELD OPERATOR VALUE, joined by "and", with a field of ${fields}; ` +
          'for example score < 0.5 and tool = search',
      )
    }
    const [, part, name = '', operator = '', value = '', and] = found
    conditions.push(conditionOf(part !== undefined, unquoted(name), comparisonOf(operator), unquoted(value)))
    more = and !== undefined
  }
  return conditions
}

function conditionOf(isPart: boolean, name: string, is: Comparison, value: string): Condition {
  if (isPart) return { field: 'part', part: name, is, value: numberOf(`part.${name}`, value) }
  switch (name) {
    case 'score':
    case 'calls':
      return { field: name, is, value: numberOf(name, value) }
    case 'outcome':
    case 'version':
    case 'code':
    case 'tool': {
      if (is !== '=' && is !== '!=') throw new Error(`"${name}" is a text: compare it by = or !=, not by ${is}`)
      if (name === 'outcome' && !outcomes.includes(value)) {
        throw new Error(`the outcome was "${value}"; it is one of ${outcomes.join(', ')}`)
      }
      return { field: name, is, value }
    }
    default:
      throw new Error(`there is no field "${name}"; the fields are ${fields}`)
  }
}

function numberOf(field: string, text: string): number {
  const value = text === '' ? Number.NaN : Number(text)
  if (!Number.isFinite(value)) throw new Error(`"${field}" is compared with a number, not with "${text}"`)
  return value
}

function comparisonOf(operator: string): Comparison {
  switch (operator) {
    case '<>':
    case '!=':
      return '!='
    case '<':
    case '<=':
    case '>':
    case '>=':
      return operator
    default:
      return '='
  }
}

const unquoted = (text: string): string => (/^(["']).*\1$/s.test(text) ? text.slice(1, -1) : text)
