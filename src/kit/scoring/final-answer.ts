import { stringifyExactly } from '../../base/exact-json.ts'
import { readJson } from './written.ts'

/** The forms of an answer to look for; none by default. */
export interface FinalAnswerOptions {
  /** Remove `<think>…</think>` and `<thinking>…</thinking>`, and everything before a closing tag without an opening one. */
  readonly reasoning?: boolean
  /** Read the content of `<answer>…</answer>`. */
  readonly tag?: boolean
  /** Read this field of a JSON object, with or without a code fence. */
  readonly field?: string
  /** Read the content of `\boxed{…}`, also within a sentence. */
  readonly boxed?: boolean
  /** Read the last line if it begins with `Answer:` or `Final answer:`. */
  readonly line?: boolean
}

/** The final answer of a text, or why there is not exactly one. */
export type FinalAnswer =
  | { readonly found: 'one'; readonly answer: string }
  | { readonly found: 'none' | 'several'; readonly reason: string }

type Reading = FinalAnswer | undefined

/**
 * Finds the final answer in the model's output, for trainers that send the reasoning too and for prompts that ask for a
 * form. Forms are applied in the order of {@link FinalAnswerOptions}, each to the result of the one before. With
 * `reasoning` only, the answer is the remaining text.
 *
 * `none`: the remaining text is empty, the reasoning is not closed, or no requested form was found. `several`: one form
 * gives different answers. Linear in the length. Never throws.
 *
 * @example finalAnswer('<think>7 * 2</think>14', { reasoning: true }) // { found: 'one', answer: '14' }
 * @example finalAnswer('So it is \\boxed{14}.', { boxed: true }) // { found: 'one', answer: '14' }
 * @example finalAnswer('{"answer": 14}', { field: 'answer' }) // { found: 'one', answer: '14' }
 */
export function finalAnswer(text: string, options: FinalAnswerOptions): FinalAnswer {
  const output = options.reasoning ? withoutReasoning(text) : text
  if (output === undefined) return { found: 'none', reason: 'the reasoning is not closed' }
  let rest = output.trim()
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
  return { found: 'none', reason: 'no answer in the requested form' }
}

function readersOf({ tag, field, boxed, line }: FinalAnswerOptions): ((text: string) => Reading)[] {
  const readers: ((text: string) => Reading)[] = []
  if (tag) readers.push(readTag)
  if (field !== undefined) readers.push((text) => readField(text, field))
  if (boxed) readers.push(readBoxes)
  if (line) readers.push(readLine)
  return readers
}

/** Replaces the reasoning by line breaks; undefined if it is not closed. */
function withoutReasoning(text: string): string | undefined {
  const kept: string[] = []
  let isReasoning = false
  let from = 0
  for (const tag of text.matchAll(/<(\/?)think(?:ing)?>/giu)) {
    if (tag[1] === '') {
      if (!isReasoning) kept.push(text.slice(from, tag.index))
      isReasoning = true
      continue
    }
    // A closing tag without an opening one: that was part of the prompt.
    if (!isReasoning) kept.length = 0
    isReasoning = false
    from = tag.index + tag[0].length
  }
  return isReasoning ? undefined : [...kept, text.slice(from)].join('\n')
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

/** Enough for any answer. Bounds the time for many unclosed boxes. */
const longestBox = 1000

/** The index of the brace that closes the one opened before `start`. */
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
