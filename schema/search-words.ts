/** Words that say nothing about a page. */
export const stopWords: ReadonlySet<string> = new Set(
  (
    'a about above after again against all am an and any are as at be because been before being below between both but by ' +
    'can could did do does doing down during each few for from further had has have having he her here hers him his how i ' +
    'if in into is it its just me more most my no nor not now of off on once only or other our ours out over own same she ' +
    'should so some such than that the their theirs them then there these they this those through to too under until up ' +
    'very was we were what when where which while who whom why will with would you your yours s t'
  ).split(' '),
)

/**
 * The words of a text in order: lower case, without punctuation, `1,234` as `1234`. `2019s` is how the public FinQA texts
 * write ’s.
 */
export function wordsIn(text: string): readonly string[] {
  const plain = text
    .toLowerCase()
    .replace(/(\d),(?=\d)/g, '$1')
    .replace(/\b2019s\b/g, ' ')
  return plain.match(/\d+(?:\.\d+)+|[\p{L}\p{N}]+/gu) ?? []
}

/**
 * The stem of a word of {@link wordsIn}: without the ending of a plural or a verb. That is as good as a complete stemmer
 * here, where most words are names, figures and terms of accounting.
 */
export function stemOf(word: string): string {
  if (word.length < 4 || /\d/.test(word)) return word
  return word
    .replace(/(?:sses|(?<=..)ies|(?<=[^su])s)$/, (ending) => ({ sses: 'ss', ies: 'i' })[ending] ?? '')
    .replace(/(?<=[aeiouy].*)(?:ingly|edly|ing|ed)$/, '')
    .replace(/(?<=[^aeiou])e$/, '')
    .replace(/y$/, 'i')
}
