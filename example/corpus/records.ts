import { z } from 'zod'
import { storable } from '../../schema/storable.ts'
import { type Page, pageRecord, sizeOf } from './page.ts'

/** A question about a page, with the label that graders compare answers to. */
export interface ImportedQuestion {
  readonly id: string
  readonly question: string
  readonly reference_answer: string
  readonly gold_path?: string | undefined
}

/** What a record contains: a page, a question, or both; or why it cannot be used. */
export interface ParsedRecord {
  readonly page?: Page
  readonly question?: ImportedQuestion
  /** Why parts of the record were left out. */
  readonly problems: readonly string[]
}

/** The longest page, in characters; well below what Postgres can index. */
const longestPage = 300_000
const longestPath = 300

const label = z.union([z.string(), z.number(), z.boolean()]).transform(String)

const record = z.object({
  id: label.optional(),
  path: z.string().optional(),
  filename: z.string().optional(),
  gold_path: z.string().nullish(),
  question: z.string().optional(),
  reference_answer: label.nullish(),
  exe_ans: label.nullish().catch(null),
  messages: z.array(z.looseObject({ role: z.string(), content: z.unknown() })).optional(),
  qa: z.unknown().optional(),
  table: z.unknown().optional(),
  pre_text: z.unknown().optional(),
  post_text: z.unknown().optional(),
})

const qaRecord = z.object({ question: z.string(), answer: label.nullish(), exe_ans: label.nullish().catch(null) })

/**
 * Parses a record of any of the known shapes: FinQA's own (`filename`, texts, `table`, `qa`), a page of a corpus (`path`,
 * texts, `table`), a question (`question`, `reference_answer`, `gold_path`), or a dataset row (`messages`, …).
 *
 * @param where becomes part of the id of a question without one.
 */
export function parseRecord(value: unknown, where: string): ParsedRecord {
  const read = record.safeParse(value)
  if (!read.success) {
    const [issue] = read.error.issues
    return { problems: [`a field of the wrong type: ${issue?.path.join('.') || 'the record itself'}`] }
  }
  const it = read.data
  const name = it.path ?? it.filename
  const isPage = it.table !== undefined || it.pre_text !== undefined || it.post_text !== undefined
  const qa = it.qa == null ? undefined : qaRecord.safeParse(it.qa)
  const asked = qa?.data?.question ?? it.question ?? lastUserMessage(it.messages)
  if (!isPage && asked === undefined) return { problems: ['neither a page nor a question'] }

  const problems: string[] = []
  const page = isPage ? parsePage(name, value, problems) : undefined
  if (qa?.success === false) problems.push(`a question of another shape: qa.${qa.error.issues[0]?.path.join('.')}`)
  // The executed answer replaces an empty label.
  const answers = [qa?.data?.answer, it.reference_answer, qa?.data?.exe_ans, it.exe_ans]
  const [answer] = answers.flatMap((each) => (each == null || each.trim() === '' ? [] : [each]))
  if (asked !== undefined && asked.trim() === '') problems.push('an empty question')
  else if (asked !== undefined && answer === undefined) problems.push('a question without an answer')
  else if (asked !== undefined && answer !== undefined) {
    // A question without its page cannot be answered.
    if (isPage && page === undefined && it.gold_path == null) {
      return { problems: [...problems, 'a question whose own page was left out'] }
    }
    const path = it.gold_path ?? name
    const question = {
      id: it.id ?? where,
      question: storable(asked),
      reference_answer: storable(answer),
      ...(path !== undefined && { gold_path: storable(path) }),
    }
    return { ...(page && { page }), question, problems }
  }
  return { ...(page && { page }), problems }
}

function parsePage(path: string | undefined, value: unknown, problems: string[]): Page | undefined {
  const read = pageRecord.safeParse(value)
  if (path === undefined) problems.push('a page without a path')
  else if (!isPath(path)) problems.push('a path that is not like ACME/2014/page_15')
  else if (!read.success) problems.push(`a page of another shape: ${read.error.issues[0]?.path.join('.')}`)
  else {
    const page = { path, ...read.data }
    const size = sizeOf(page)
    if (size > longestPage) problems.push(`a page of more than ${longestPage.toLocaleString('en-US')} characters`)
    else if (!/[\p{L}\p{N}]/u.test(textOf(page))) problems.push('a page with nothing on it')
    else return page
  }
  return undefined
}

/** Parts separated by single slashes, without surrounding spaces or control characters. */
function isPath(path: string): boolean {
  const parts = path.split('/')
  return (
    path.length <= longestPath &&
    path.isWellFormed() &&
    !/\p{Cc}/u.test(path) &&
    parts.every((part) => part !== '' && part !== '.' && part !== '..' && part === part.trim())
  )
}

function lastUserMessage(messages: readonly { role: string; content?: unknown }[] | undefined): string | undefined {
  const content = messages?.findLast((message) => message.role === 'user')?.content
  return typeof content === 'string' ? content : undefined
}

const textOf = (page: Page) => [...page.pre_text, ...page.table.flat(), ...page.post_text].join(' ')
