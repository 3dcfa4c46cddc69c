import { stringifyExactly } from '../../base/exact-json.ts'
import { readJson } from './written.ts'

/** What is looked for in a text; nothing is unless it is named. */
export interface FinalAnswerOptions {
  /** Take away `<think>…</think>` and `<thinking>…</thinking>`, also what comes before a closing tag alone. */
  readonly reasoning?: boolean
  /** Read what stands in `<answer>…</answer>`. */
  readonly tag?: boolean
  /** Read this field of a JSON object, which may be in a code fence. */
  readonly field?: string
  /** Read what stands in `\boxed{…}`, also in the middle of a sentence. */
  readonly boxed?: boolean
  /** Read the last line where it begins with `Answer:` or `Final answer:`. */
  readonly line?: boolean
}

/** The answer that a text gives in the end, or why there is no single one. */
export type FinalAnswer =
  | { readonly found: 'one'; readonly answer: string }
  | { readonly found: 'none' | 'several'; readonly reason: string }

type Reading = FinalAnswer | undefined

/**
 * Finds the final answer in a policy's output, for trainers that send the reasoning along and for prompts that ask for a
 * form. Only the forms that are named are read, in the order of {@link FinalAnswerOptions}; a later one is also looked for
 * within what an earlier one gave. With `reasoning` alone, the answer is all that is left.
 *
 * `none`: nothing is left, reasoning without an end, or no named form. `several`: one form gives different answers. Time is
 * linear in the length. Never throws.
 *
 * @example finalAnswer('<think>7 * 2</think>14', { reasoning: true }) // { found: 'one', answer: '14' }
 * @example finalAnswer('So it is \\boxed{14}.', { boxed: true }) // { found: 'one', answer: '14' }
 * @example finalAnswer('{"answer": 14}', { field: 'answer' }) // { found: 'one', answer: '14' }
 */
export function finalAnswer(text: string, options: FinalAnswerOptions): FinalAnswer {
  const spoken = options.reasoning ? withoutReasoning(text) : text
  if (spoken === undefined) return { found: 'none', reason: 'the reasoning has no end' }
  let rest = spoken.trim()
  if (rest === '') return { found: 'none', reason: 'empty answer' }
  const asked = readersOf(options)
  let read = asked.length === 0
  for (const reader of asked) {
    const reading = reader(rest)
    if (reading === undefined) continue
    if (reading.found !== 'one') return reading
    rest = reading.answer
    read = true
  }
  if (read) return { found: 'one', answer: rest }
  return { found: 'none', reason: 'no answer in the form that was asked for' }
}

function readersOf({ tag, field, boxed, line }: FinalAnswerOptions): ((text: string) => Reading)[] {
  const readers: ((text: string) => Reading)[] = []
  if (tag) readers.push(readTag)
  if (field !== undefined) readers.push((text) => readField(text, field))
  if (boxed) readers.push(readBoxes)
  if (line) readers.push(readLine)
  return readers
}

/** A text without its reasoning, where line breaks take its place; undefined if the text ends within it. */
function withoutReasoning(text: string): string | undefined {
  const kept: string[] = []
  let reasons = false
  let from = 0
  for (const tag of text.matchAll(/<(\/?)think(?:ing)?>/giu)) {
    if (tag[1] === '') {
      if (!reasons) kept.push(text.slice(from, tag.index))
      reasons = true
      continue
    }
    // A closing tag alone: the opening one was part of the prompt.
    if (!reasons) kept.length = 0
    reasons = false
    from = tag.index + tag[0].length
  }
  return reasons ? undefined : [...kept, text.slice(from)].join('\n')
}

function oneOf(answers: readonly string[], what: string): Reading {
  const different = new Set(answers.map((answer) => answer.trim()))
  const [answer] = different
  if (answer === undefined) return undefined
  if (different.size > 1) return { found: 'several', reason: `${different.size} different ${what}` }
  return answer === '' ? { found: 'none', reason: 'empty answer' } : { found: 'one', answer }
}

function readTag(text: string): Reading {
  const answers: string[] = []
  let opened: number | undefined
  for (const tag of text.matchAll(/<(\/?)answer>/giu)) {
    if (tag[1] === '') opened = tag.index + tag[0].length
    else if (opened !== undefined) {
      answers.push(text.slice(opened, tag.index))
      opened = undefined
    }
  }
  return oneOf(answers, '<answer> tags')
}

function readField(text: string, field: string): Reading {
  const read = readJson(text)
  if (!read.json || typeof read.value !== 'object' || read.value === null) return undefined
  const found = Object.entries(read.value).find(([key]) => key === field)
  if (found === undefined || found[1] === null) return undefined
  return oneOf([typeof found[1] === 'string' ? found[1] : stringifyExactly(found[1])], 'fields')
}

function readBoxes(text: string): Reading {
  const answers: string[] = []
  for (const box of text.matchAll(/\\(?:boxed|fbox)\s{0,3}\{/gu)) {
    const start = box.index + box[0].length
    const end = endOfBraces(text, start)
    if (end !== undefined) answers.push(text.slice(start, end))
  }
  return oneOf(answers, 'boxes')
}

/** Enough for any answer, so that many boxes without an end cost no more than their length. */
const longestBox = 1000

/** Where the braces that are open at a place are closed. */
function endOfBraces(text: string, start: number): number | undefined {
  let depth = 1
  for (let at = start; at < text.length && at < start + longestBox; at += 1) {
    if (text[at] === '\\') at += 1
    else if (text[at] === '{') depth += 1
    else if (text[at] === '}') depth -= 1
    if (depth === 0) return at
  }
  return undefined
}

function readLine(text: string): Reading {
  const lines = text.split('\n').map((line) => {
    return /^[\s*_#>]{0,10}(?:the )?(?:final )?answer(?: is)?[\s*_]{0,6}[:=](.*)$/iu.exec(line)?.[1]
  })
  if (lines.at(-1) === undefined) return undefined
  const answers = lines.flatMap((line) => (line === undefined ? [] : withoutBold(line)))
  return oneOf(answers, 'answer lines')
}

/** Without the rest of a pair of asterisks that opened before the label. */
function withoutBold(text: string): string {
  const opened = text.replace(/^\s*\*\*/u, '').trim()
  return opened.endsWith('**') && !opened.slice(0, -2).includes('**') ? opened.slice(0, -2) : opened
}
