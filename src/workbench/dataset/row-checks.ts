import { describeIssues, hidingValues } from '../../base/issues.ts'
import type { ReadItem } from '../../kit/define.ts'
import { estimateTokens } from '../../kit/scoring/conduct/output-length.ts'
import type { ToolDefinition } from '../../kit/tool-definitions.ts'
import { toolDifference } from './compare-tools.ts'
import { leakedValue, referenceValues } from './leaks.ts'
import { type Row, type RowMessage, type RowTool, rowMessages, rowTool, textOfMessage } from './row.ts'

/** The checks that look at one row for itself. */
export type RowCheck = 'messages' | 'roles' | 'reserved' | 'references' | 'leaks' | 'tools' | 'size' | 'tokens'

/** What a row is measured by. */
export interface RowRules {
  /** Parses an item as the environment says it is. */
  readonly readItem: (item: unknown) => ReadItem<unknown, unknown>
  /** The tools that the server offers. */
  readonly tools: readonly ToolDefinition[]
  /** More tokens than these are warned of. */
  readonly mostTokens: number
}

/** What one row came to. */
export interface CheckedRow {
  readonly problems: readonly { readonly check: RowCheck; readonly reason: string }[]
  /** Estimated tokens of its messages and its tools' definitions. */
  readonly tokens: number
  readonly hasTools: boolean
  /** The reference part of the item; undefined where the row is no item. */
  readonly reference: unknown
}

/** A trainer sends the whole row with every call, in a body of at most 1 MB: the call itself needs a little of it. */
export const mostRowBytes = 1_000_000

/** Looks at one row for itself; `bytes` is the length of its line. */
export function checkRow(row: Row, bytes: number, rules: RowRules): CheckedRow {
  const problems: { check: RowCheck; reason: string }[] = []
  const add = (check: RowCheck, reason: string | undefined) => {
    if (reason !== undefined) problems.push({ check, reason })
  }
  const messages = messagesOf(row, add)
  const tools = toolsOf(row, add)
  if (tools !== undefined) add('tools', toolDifference(tools, rules.tools))
  const item = rules.readItem(row)
  if (!item.fits) add('references', item.message)
  if (messages !== undefined && item.fits) {
    const text = messages.map(textOfMessage).join('\n')
    const leaked = leakedValue(text, referenceValues(item.reference))
    add('leaks', leaked && `the value of ${leaked.path} stands in the messages`)
  }
  if (bytes > mostRowBytes) add('size', `it has ${bytes.toLocaleString('en-US')} bytes`)
  const tokens = tokensOf(messages ?? [], tools)
  if (tokens > rules.mostTokens) add('tokens', `it has about ${tokens.toLocaleString('en-US')} tokens`)
  return { problems, tokens, hasTools: tools !== undefined, reference: item.fits ? item.reference : undefined }
}

/** About how many tokens the messages of a row and the definitions of its tools have. */
export function tokensOf(messages: readonly RowMessage[], tools: readonly RowTool[] | undefined): number {
  const written = messages.reduce((sum, message) => sum + estimateTokens(textOfMessage(message)), 0)
  return written + (tools === undefined ? 0 : estimateTokens(JSON.stringify(tools)))
}

type Add = (check: RowCheck, reason: string | undefined) => void

function messagesOf({ messages }: Row, add: Add): readonly RowMessage[] | undefined {
  if (messages === undefined) return void add('messages', 'it has no messages')
  if (!Array.isArray(messages)) return void add('reserved', 'messages is no list')
  const read = rowMessages.safeParse(messages, hidingValues)
  if (!read.success) return void add('messages', describeIssues(read.error, 'messages'))
  const last = read.data.at(-1)
  if (last?.role !== 'user') add('messages', `the last message is of the role ${last?.role}`)
  else if (textOfMessage(last).trim() === '' && !Array.isArray(last.content)) {
    add('messages', 'the last message is empty')
  }
  if (read.data.some(({ role }) => role === 'system')) add('roles', 'a message is of the role system')
  return read.data
}

function toolsOf({ tools }: Row, add: Add): readonly RowTool[] | undefined {
  if (tools === undefined || tools === null) return undefined
  const read = rowTool.array().safeParse(tools, hidingValues)
  if (read.success) return read.data
  add('reserved', describeIssues(read.error, 'tools'))
  return undefined
}
