import { describe, expect, it } from 'vitest'
import { createVocabulary, readPage } from '../../../schema/page-index.ts'
import { snippetOf } from '../../../tools/snippet.ts'
import { titleOf } from '../../corpus/page.ts'
import { page } from '../support/corpus.ts'

const snippet = (lines: readonly string[], query: string, table: string[][] = []) => {
  const made = { ...page('OAK/2014/page_1', '', table), pre_text: [...lines] }
  const stored = {
    id: 1,
    company: 'OAK',
    year: 2014,
    path: made.path,
    title: titleOf(made),
    before: lines,
    table,
    after: [],
  }
  return snippetOf(readPage(createVocabulary(), stored), query)
}

describe('a snippet', () => {
  it('is the line with the most words of the query, without the title', () => {
    const lines = ['Net revenue of the Oak company', 'Revenue rose with prices.', 'Dividends were paid.']
    expect(snippet(lines, 'net revenue of oak')).toBe('Revenue rose with prices.')
    expect(snippet(lines, 'dividends')).toBe('Dividends were paid.')
    expect(snippet(lines, 'nothing of this')).toBe('Revenue rose with prices.')
  })

  it('continues where a long first line was cut for the title', () => {
    const long = `Net revenue of the Oak company ${'and of many others '.repeat(8)}was 12 million`
    const { length } = titleOf({ path: 'p', pre_text: [long], table: [], post_text: [] })
    expect(snippet([long], 'net revenue million')).toBe(`…${long.slice(length - 1).trim()}`)
  })

  it('is a table row with the header if the title is the only prose', () => {
    const table = [
      ['', '2014'],
      ['net revenue', '12'],
    ]
    expect(snippet(['Net revenue of Oak'], 'net revenue', table)).toBe('| | 2014 | | net revenue | 12 |')
  })

  it('is empty if there is only the title', () => {
    expect(snippet(['Net revenue of Oak'], 'net revenue')).toBe('')
  })
})
