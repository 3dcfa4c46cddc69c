import { bigintIn, stringifyExactly } from '../../base/exact-json.ts'
import { describeIssues, hidingValues } from '../../base/issues.ts'
import { canonicalJson } from '../../base/json.ts'
import type { ReadItem } from '../../kit/define.ts'
import type { ToolDefinition } from '../../kit/define-tool.ts'
import { estimateTokens } from '../../kit/scoring/conduct/output-length.ts'
import { isWithin, labelProblem, leakedValue, referenceValues } from './references.ts'
import { type Row, type RowMessage, type RowTool, rowMessages, rowTool, textOfMessage } from './row.ts'

/** The checks that look at a single row. */
export type RowCheck =
  | 'messages'
  | 'roles'
  | 'reserved'
  | 'references'
  | 'labels'
  | 'numbers'
  | 'leaks'
  | 'tools'
  | 'size'
  | 'tokens'

/** The rules that a row is checked against. */
export interface RowRules {
  /** Parses an item with the environment's schema. */
  readonly readItem: (item: unknown) => ReadItem<unknown, unknown>
  /** The tools that the server offers. */
  readonly tools: readonly ToolDefinition[]
  /** A row with more tokens gets a warning. */
  readonly mostTokens: number
  /** Fields of the reference whose values may occur in the messages. */
  readonly ignoredFields?: readonly string[] | undefined
}

/** The result of checking one row. */
export interface CheckedRow {
  readonly problems: readonly RowProblem[]
  /** Estimated tokens of its messages and its tools' definitions. */
  readonly tokens: number
  /** The tools that it defines; `unreadable` if they are not definitions of tools. */
  readonly tools: readonly RowTool[] | 'unreadable' | undefined
  readonly hasMessages: boolean
  /** Whether it is a valid item whose reference has a value. */
  readonly hasReference: boolean
  /** The reference part of the item; undefined if the row is not a valid item. */
  readonly reference: unknown
}

/** One reason why a check rejects a row. */
export interface RowProblem {
  readonly check: RowCheck
  readonly reason: string
  /** A reason to look at the row, not to reject it. */
  readonly isDoubt?: boolean
}

/** A trainer sends the whole row with every call, in a body of at most 1 MB that also holds the call. */
export const maxRowBytes = 1_000_000

/** Checks one row on its own; `bytes` is the length of its line. */
export function checkRow(row: Row, bytes: number, rules: RowRules): CheckedRow {
  const problems: RowProblem[] = []
  const add = (check: RowCheck, reason: string | undefined, isDoubt = false) => {
    if (reason !== undefined) problems.push({ check, reason, isDoubt })
  }
  const messages = messagesOf(row, add)
  const tools = toolsOf(row, add)
  if (Array.isArray(tools)) add('tools', toolDifference(tools, rules.tools))
  const item = rules.readItem(row)
  const reference = item.fits ? item.reference : undefined
  if (!item.fits) add('references', item.message)
  checkReference(reference, messages, rules, add)
  const large = bigintIn(row)
  if (large !== undefined) add('numbers', `${large.path.slice(1)} is the integer ${large.value}`)
  if (bytes > maxRowBytes) add('size', `it has ${bytes.toLocaleString('en-US')} bytes`)
  const tokens = tokensOf(messages ?? [], tools)
  if (tokens > rules.mostTokens) add('tokens', `it has about ${tokens.toLocaleString('en-US')} tokens`)
  return {
    problems,
    tokens,
    tools,
    hasMessages: messages !== undefined,
    hasReference: referenceValues(reference).length > 0,
    reference,
  }
}

type Add = (check: RowCheck, reason: string | undefined, isDoubt?: boolean) => void

function checkReference(
  reference: unknown,
  messages: readonly RowMessage[] | undefined,
  { ignoredFields = [] }: RowRules,
  add: Add,
): void {
  const values = referenceValues(reference)
  const odd = values.map((one) => ({ ...one, problem: labelProblem(one.value) }))
  const label = odd.find(({ problem }) => problem === 'broken') ?? odd.find(({ problem }) => problem === 'doubtful')
  if (label !== undefined)
    add('labels', `${label.path} is ${JSON.stringify(String(label.value))}`, label.problem === 'doubtful')
  if (messages === undefined) return
  const text = messages.map(textOfMessage).join('\n')
  const searched = values.filter(({ path }) => !ignoredFields.some((field) => isWithin(path, field)))
  const leaked = leakedValue(text, searched)
  add('leaks', leaked && `the value of ${leaked.path} occurs in the messages`)
}

/** The estimated number of tokens of a row's messages and its tools' definitions. */
export function tokensOf(messages: readonly RowMessage[], tools: CheckedRow['tools']): number {
  const written = messages.reduce((sum, message) => sum + estimateTokens(textOfMessage(message)), 0)
  return written + (Array.isArray(tools) ? estimateTokens(stringifyExactly(tools)) : 0)
}

function messagesOf({ messages }: Row, add: Add): readonly RowMessage[] | undefined {
  if (messages === undefined) return void add('messages', 'it has no messages')
  if (!Array.isArray(messages)) return void add('reserved', 'messages is not a list')
  const read = rowMessages.safeParse(messages, hidingValues)
  if (!read.success) return void add('messages', describeIssues(read.error, 'messages'))
  const last = read.data.at(-1)
  if (last?.role !== 'user') add('messages', `the last message has the role ${last?.role}`)
  else if (textOfMessage(last).trim() === '' && !Array.isArray(last.content)) {
    add('messages', 'the last message is empty')
  }
  if (read.data.some(({ role }) => role === 'system')) add('roles', 'a message has the role system')
  return read.data
}

function toolsOf({ tools }: Row, add: Add): CheckedRow['tools'] {
  if (tools === undefined || tools === null) return undefined
  const read = rowTool.array().safeParse(tools, hidingValues)
  if (read.success) return read.data
  add('reserved', describeIssues(read.error, 'tools'))
  return 'unreadable'
}

/** How the tools of a row differ from those that the server offers, undefined if they agree. A row may offer fewer tools. */
function toolDifference(tools: readonly RowTool[], offered: readonly ToolDefinition[]): string | undefined {
  const names = tools.map((tool) => tool.function.name)
  const twice = names.find((name, at) => names.indexOf(name) !== at)
  if (twice !== undefined) return `the tool ${twice} is defined twice`
  const [foreign] = foreignTools(tools, offered)
  if (foreign !== undefined) return `the server has no tool ${foreign}`
  for (const { function: written } of tools) {
    const known = offered.find((tool) => tool.function.name === written.name)?.function
    if (canonicalJson(written.parameters ?? {}) !== canonicalJson(known?.parameters)) {
      return `the parameters of ${written.name} differ from the server's`
    }
    if ((written.description ?? '') !== known?.description) {
      return `the description of ${written.name} differs from the server's`
    }
  }
  return undefined
}

/** The names of tools that a row defines and the server does not offer. */
export function foreignTools(tools: readonly RowTool[], offered: readonly ToolDefinition[]): readonly string[] {
  const known = new Set(offered.map((tool) => tool.function.name))
  return tools.map((tool) => tool.function.name).filter((name) => !known.has(name))
}
