import { drizzle } from 'drizzle-orm/postgres-js'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { cat } from '../../../tools/cat.ts'
import { list } from '../../../tools/list.ts'
import { callTool, createCorpus, page } from '../support/corpus.ts'

let corpus: Awaited<ReturnType<typeof createCorpus>>
const listing = (path: string) => callTool(list, { path }, corpus)
const reading = (path: string) => callTool(cat, { path }, corpus)

beforeAll(async () => {
  corpus = await createCorpus([
    page('A/2014/page_2.pdf', 'the first letter of the alphabet'),
    page('AAL/2014/page_9.pdf', 'wings and wheels', [
      ['', '2014', '2013'],
      ['fuel | oil', '1,234', '(5)'],
    ]),
    page('AAL/2014/page_10.pdf', 'more wings'),
    page('AAL/2015/page_1.pdf', 'later wings'),
    page('AAL_100%/2015/page_1.pdf', 'signs that patterns take for something else'),
    page('😀/2014/page_1', 'a directory of one character and two units'),
    page('Z/2014', 'a page where others have a directory'),
    page('Z/2014/page_1', 'and a page below it'),
    ...Array.from({ length: 450 }, (_, at) => page(`MANY/2014/page_${at + 1}`, `page number ${at}`)),
  ])
})
afterAll(() => corpus.drop())

describe('list', () => {
  it('shows the top level for an empty path, directories with a slash', async () => {
    expect(await listing('')).toBe('😀/\nA/\nAAL/\nAAL_100%/\nMANY/\nZ/')
  })

  it('ignores slashes around a path', async () => {
    for (const path of ['/', './', '.', ' ']) expect(await listing(path)).toBe(await listing(''))
    for (const path of ['/AAL', 'AAL/', '/AAL/', './AAL']) expect(await listing(path)).toBe('2014/\n2015/')
  })

  it('does not confuse a directory with one whose name starts with its name', async () => {
    expect(await listing('A')).toBe('2014/')
    expect(await listing('A/2014')).toBe('page_2.pdf')
  })

  it('orders entries with numbers naturally', async () => {
    expect(await listing('AAL/2014')).toBe('page_9.pdf\npage_10.pdf')
  })

  it('distinguishes a page from a directory of the same name', async () => {
    expect(await listing('Z')).toBe('2014\n2014/')
  })

  it('is limited, and says how many more entries there are', async () => {
    const lines = (await listing('MANY/2014')).split('\n')
    expect(lines).toHaveLength(401)
    expect(lines.at(-1)).toBe('… and 50 more; search finds them')
  })

  it('refuses a prefix of a name, and lists what exists', async () => {
    await expect(listing('AA')).rejects.toThrow('no directory "AA"; there is AAL/, AAL_100%/')
    await expect(listing('AAL/20')).rejects.toThrow('"AAL" exists; list it')
    await expect(listing('AAL_1')).rejects.toThrow('AAL_100%/')
    await expect(listing('%')).rejects.toThrow('list an empty path')
  })

  it('lists a directory whose name has characters of two UTF-16 units', async () => {
    expect(await listing('😀')).toBe('2014/')
    expect(await listing('😀/2014')).toBe('page_1')
  })

  it('makes no more queries for a path of five hundred parts than for an unknown one of three', async () => {
    const asked: string[] = []
    const db = drizzle(corpus.sql, { logger: { logQuery: (query) => void asked.push(query) } })
    await expect(callTool(list, { path: 'AAL/2014/x/'.concat('a/'.repeat(490)) }, { db })).rejects.toThrow(
      '"AAL/2014" exists; list it',
    )
    expect(asked.length).toBeLessThan(8)
  })

  it('refuses a page and points to cat', async () => {
    await expect(listing('AAL/2015/page_1.pdf')).rejects.toThrow('"AAL/2015/page_1.pdf" is a page; use cat to read it')
  })
})

describe('cat', () => {
  it('returns the whole page as text, with its table', async () => {
    expect(await reading('AAL/2014/page_9.pdf')).toBe(
      'AAL/2014/page_9.pdf\n\nwings and wheels\n\n|  | 2014 | 2013 |\n| fuel \\| oil | 1,234 | (5) |',
    )
  })

  it('refuses an unknown path and suggests a page', async () => {
    await expect(reading('AAL/2014/page_9')).rejects.toThrow('did you mean "AAL/2014/page_9.pdf"?')
    await expect(reading('/aal/2014/Page_9.PDF')).rejects.toThrow('did you mean "AAL/2014/page_9.pdf"?')
    await expect(reading('AAL/2014')).rejects.toThrow('no page at "AAL/2014"; use list')
    await expect(reading("'; drop table pages; --")).rejects.toThrow('use list to see what is there, or search')
  })

  it('does not send a path with a NUL to the database', async () => {
    await expect(reading('AAL\0')).rejects.toThrow('no page at')
    await expect(listing('AAL\0')).rejects.toThrow('no directory')
  })
})
