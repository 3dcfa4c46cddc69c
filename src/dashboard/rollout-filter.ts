import { z } from 'zod'
import type { Comparison, Condition } from '../ledger/reports/condition.ts'
import { type RolloutFilter, type RolloutOrder, rolloutOrders } from '../ledger/reports/rollout-list.ts'
import { textIn, timeIn, wholeNumberIn } from './address.ts'

/** The query of the list of rollouts, as its form sends it. Everything is optional, and what is not valid is ignored. */
export type RolloutQuery = Readonly<Partial<Record<(typeof fields)[number], string>>>

const fields = [
  'outcome',
  'min',
  'max',
  'part',
  'tool',
  'code',
  'failed',
  'item',
  'text',
  'seconds',
  'from',
  'to',
  'sort',
  'before',
] as const

/** Reads the query of a request; empty fields are left out. */
export function readRolloutQuery(query: Readonly<Record<string, string>>): RolloutQuery {
  return Object.fromEntries(
    fields.flatMap((name) => {
      const value = textIn(query[name]).trim().slice(0, 200)
      return value === '' ? [] : [[name, value]]
    }),
  )
}

/** The query as the end of an address, with some fields replaced; undefined takes one away. */
export function queryText(query: RolloutQuery, changes: Readonly<Record<string, string | undefined>> = {}): string {
  const params = new URLSearchParams()
  for (const [name, value] of Object.entries({ ...query, ...changes })) if (value !== undefined) params.set(name, value)
  const text = params.toString()
  return text === '' ? '' : `?${text}`
}

const outcomes = z.enum(['scored', 'ungradable', 'failed', 'open'])
const comparisons = ['<=', '>=', '!=', '<', '>', '='] as const

/** The filter that a query describes. */
export function filterOf(run: string, query: RolloutQuery): RolloutFilter {
  const conditions: Condition[] = []
  const outcome = outcomes.safeParse(query.outcome)
  if (outcome.success) conditions.push({ field: 'outcome', is: '=', value: outcome.data })
  const [min, max] = [numberIn(query.min), numberIn(query.max)]
  if (min !== undefined) conditions.push({ field: 'score', is: '>=', value: min })
  if (max !== undefined) conditions.push({ field: 'score', is: '<=', value: max })
  const part = partIn(query.part)
  if (part !== undefined) conditions.push({ field: 'part', ...part })
  if (query.tool !== undefined) conditions.push({ field: 'tool', is: '=', value: query.tool })
  return {
    run,
    conditions,
    item: query.item?.toLowerCase().replaceAll(/[^0-9a-f]/g, ''),
    from: timeIn(query.from),
    to: timeIn(query.to),
    seconds: numberIn(query.seconds),
    code: query.code,
    hasFailedCall: query.failed !== undefined,
    text: query.text,
    order: orderIn(query.sort),
    before: wholeNumberIn(query.before),
  }
}

/** The order that a query names. */
export function orderIn(sort: string | undefined): RolloutOrder {
  return rolloutOrders.find((name) => name === sort) ?? 'newest'
}

/** A condition on a part as people write it, such as `answer<0.5`. */
function partIn(text = ''): { readonly part: string; readonly is: Comparison; readonly value: number } | undefined {
  const is = comparisons.find((one) => text.includes(one))
  if (is === undefined) return undefined
  const at = text.indexOf(is)
  const value = numberIn(text.slice(at + is.length))
  const part = text.slice(0, at).trim()
  return value === undefined || part === '' ? undefined : { part, is, value }
}

function numberIn(text: string | undefined): number | undefined {
  const value = text === undefined || text.trim() === '' ? Number.NaN : Number(text)
  return Number.isFinite(value) ? value : undefined
}
