import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { searchPages } from '../../../schema/search.ts'
import { openDatabase } from '../../../src/postgres/database.ts'
import { createTestDatabase } from '../../../test/support/database.ts'
import { search } from '../../../tools/search.ts'
import { callTool, createCorpus, page } from '../support/corpus.ts'

let corpus: Awaited<ReturnType<typeof createCorpus>>
const searching = (query: string) => callTool(search, { query }, corpus)
const paths = async (query: string) => (await searchPages(corpus.db, { query })).map(({ page }) => page.path)

const filler =
  ' The board met often. Dividends were paid in cash to holders of common shares at the end of every quarter.'

beforeAll(async () => {
  const reports = ['OAK', 'ELM', 'ASH', 'FIR'].flatMap((company, which) =>
    [2011, 2012, 2013, 2014, 2015].flatMap((year) => [
      page(
        `${company}/${year}/page_1`,
        `${['Oakhaven', 'Elmwood', 'Ashgrove', 'Firbank'][which]} Mills ${year}.${filler}`,
        [
          ['', String(year), String(year - 1)],
          ['operating leases', '12.5', '11.0'],
        ],
      ),
      page(
        `${company}/${year}/page_2`,
        `Pensions and other matters of ${['Oakhaven', 'Elmwood', 'Ashgrove', 'Firbank'][which]}.${filler}`,
      ),
    ]),
  )
  corpus = await createCorpus([
    ...reports,
    page('YEW/2014/page_7', `Our contribution of shares held in trust.${filler}`),
    page('YEW/2014/page_8', `Shares of a defined contribution plan.${filler}`),
    page('YEW/2014/page_9', `We plan the contribution that is defined below.${filler}`),
  ])
})
afterAll(() => corpus.drop())

describe('search', () => {
  it('returns up to ten ranked pages, each with path, title line and snippet', async () => {
    const output = await searching('operating leases')
    const lines = output.split('\n')
    expect(lines).toHaveLength(30)
    expect(lines[0]).toMatch(/^1\. \w+\/\d{4}\/page_1$/)
    expect(lines[1]).toMatch(/^ {3}\w+ Mills \d{4}\./)
    expect(lines[2]).toContain('| operating leases | 12.5 | 11.0 |')
    expect(lines.at(-3)).toMatch(/^10\. /)
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThan(260)
  })

  it('ranks the named year first, then the following year', async () => {
    const found = await paths('operating leases of Elmwood in 2012')
    expect(found[0]).toBe('ELM/2012/page_1')
    expect(found[1]).toBe('ELM/2013/page_1')
    expect((await paths('operating leases of Elmwood from 2012 to 2014'))[0]).toBe('ELM/2014/page_1')
  })

  it('ranks the named company first, by words that it learned from the pages', async () => {
    const found = await paths('what were the operating leases of ashgrove')
    expect(found.slice(0, 5).every((path) => path.startsWith('ASH/'))).toBe(true)
  })

  it('recognises a company by the ticker in its paths, in capitals', async () => {
    expect((await paths('operating leases FIR 2013'))[0]).toBe('FIR/2013/page_1')
    expect((await paths('operating leases FIR')).slice(0, 5).every((path) => path.startsWith('FIR/'))).toBe(true)
  })

  it('ranks adjacent words above the same words apart', async () => {
    expect((await paths('defined contribution plan'))[0]).toBe('YEW/2014/page_8')
  })

  it('finds words in other forms, in any case and with any punctuation', async () => {
    expect((await paths('PENSION, matter!'))[0]).toMatch(/page_2$/)
  })

  it('ranks the same: one query gives the same pages in the same order', async () => {
    expect(await paths('dividends of the common shares')).toEqual(await paths('dividends of the common shares'))
  })

  it('refuses a query without words', async () => {
    for (const query of ['', '   ', '?!', '…']) await expect(searching(query)).rejects.toThrow('the query is empty')
  })

  it('says so when nothing is found', async () => {
    expect(await searching('xylophone')).toContain('no page has any of these words')
    expect(await searching('the of and')).toContain('no page has any of these words')
  })

  it('accepts any text as a query', async () => {
    for (const query of [
      "'; drop table pages --",
      'a & b | !c:*',
      'leases\0 \uD800',
      `${'%'.repeat(50)}x`,
      'leases '.repeat(1_400),
    ]) {
      expect(typeof (await searching(query))).toBe('string')
    }
  })

  it('fails as the server’s fault if no import was completed', async () => {
    const { url, drop } = await createTestDatabase()
    const empty = openDatabase({ url, poolSize: 1 })
    await expect(callTool(search, { query: 'leases' }, empty)).rejects.toThrow(
      'pages are not imported yet; `npm run corpus',
    )
    await empty.close()
    await drop()
  })
})
