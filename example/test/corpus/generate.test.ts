import { describe, expect, it } from 'vitest'
import { scoreNumber } from '../../../src/kit/scoring/numbers.ts'
import { computeAnswer, formatAnswer, parseCell, unitOf } from '../../corpus/answers.ts'
import { generateCorpus } from '../../corpus/generate.ts'
import { parseQuestion } from '../../corpus/questions.ts'

const { pages, questions } = generateCorpus()
const pageAt = new Map(pages.map((page) => [page.path, page]))

describe('the generated corpus', () => {
  it('is the same for the same seed and different for another seed', () => {
    const small = { seed: 7, pages: 60 }
    expect(generateCorpus(small)).toEqual(generateCorpus(small))
    expect(generateCorpus({ ...small, seed: 8 }).pages).not.toEqual(generateCorpus(small).pages)
  })

  it('has 2,800 pages of 140 companies over several years, each with prose and a table, under distinct paths', () => {
    expect(pages).toHaveLength(2_800)
    expect(pageAt.size).toBe(2_800)
    const years = new Map<string, Set<string>>()
    for (const { path, table, pre_text, post_text } of pages) {
      const [, company = '', year = ''] = /^([A-Z]+)\/((?:19|20)\d\d)\/page_\d+$/.exec(path) ?? []
      years.set(company, (years.get(company) ?? new Set()).add(year))
      expect(table.length).toBeGreaterThan(3)
      expect(new Set(table.map((row) => row.length)).size).toBe(1)
      expect([...pre_text, ...post_text].join(' ').length).toBeGreaterThan(300)
    }
    expect(years.size).toBe(140)
    expect(Math.min(...[...years.values()].map((each) => each.size))).toBeGreaterThan(2)
  })

  it('has about four thousand questions, of which a fifth name neither company nor year', () => {
    expect(questions.length).toBeGreaterThan(3_500)
    expect(new Set(questions.map(({ id }) => id)).size).toBe(questions.length)
    const names = new Set(pages.flatMap(({ path }) => path.split('/')[0]?.toLowerCase() ?? []))
    const bare = questions.filter(
      ({ question }) =>
        !/\b(?:19|20)\d\d\b/.test(question) &&
        !/(?:^for| , (?:for|at)) (?!the report)/.test(question) &&
        !question
          .toLowerCase()
          .split(/\W+/)
          .some((word) => word.length > 2 && names.has(word)),
    )
    expect(bare.length / questions.length).toBeGreaterThan(0.12)
    expect(bare.length / questions.length).toBeLessThan(0.3)
  })

  it('asks no question that two pages would answer', () => {
    expect(new Set(questions.map(({ question }) => question)).size).toBe(questions.length)
  })

  it('asks only what can be parsed and computed from the page, and uses the rounded value as the label', () => {
    for (const { question, reference_answer, gold_path, computation } of questions) {
      const asked = parseQuestion(question)
      const page = pageAt.get(gold_path)
      const answer = asked && page && computeAnswer(asked, page.table)
      expect(answer, question).toBe(computation.answer)
      if (asked === undefined || page === undefined || answer === undefined) continue
      const exact = formatAnswer(asked, answer, unitOf(page.pre_text.join('\n')))
      expect(scoreNumber(exact, reference_answer).score, `${question} ${exact} ${reference_answer}`).toBe(1)
    }
  })

  it('writes labels as people do: percentages, amounts, dollars, plain numbers, yes and no', () => {
    const labels = questions.map((each) => each.reference_answer)
    for (const form of [
      /^-?\d+\.\d%$/,
      /^-?\d+%$/,
      /^-?\d+\.\d$/,
      /^\$ -?\d+\.\d million$/,
      /^\d+\.\d\d$/,
      /^yes$/,
      /^no$/,
    ]) {
      expect(labels.filter((label) => form.test(label)).length, String(form)).toBeGreaterThan(20)
    }
  })

  it('has the same figure for a year on every page of a company', () => {
    const figures = new Map<string, string>()
    let compared = 0
    for (const { path, table } of pages) {
      const [head = [], ...rows] = table
      for (const [label = '', ...cells] of rows) {
        for (const [at, cell] of cells.entries()) {
          const year = head[at + 1] ?? ''
          if (!/^(?:19|20)\d\d$/.test(year)) continue
          const key = `${path.split('/')[0]} ${label} ${year}`
          if (figures.has(key)) compared += 1
          expect(figures.get(key) ?? cell, key).toBe(cell)
          figures.set(key, cell)
        }
      }
    }
    expect(compared).toBeGreaterThan(1_000)
  })

  it('has tables whose parts add up to their totals', () => {
    let added = 0
    for (const { path, table } of pages) {
      const total = table.findIndex(([label]) => /^total (?!debt)/.test(label ?? ''))
      if (total < 2 || table[0]?.[1] === 'total number of shares purchased') continue
      for (let column = 1; column < (table[0]?.length ?? 0); column += 1) {
        const parts = table.slice(1, total).map((row) => parseCell(row[column]) ?? Number.NaN)
        const sum = parts.reduce((a, b) => a + b, 0)
        expect(sum, path).toBeCloseTo(parseCell(table[total]?.[column]) ?? Number.NaN, 4)
        added += 1
      }
    }
    expect(added).toBeGreaterThan(500)
  })

  it('has companies that share the first word of their names', () => {
    const firstWords = pages.flatMap(
      ({ pre_text }) => /^(\w+) (?:\w+ )+\w+\.? \d{4}: /.exec(pre_text[0] ?? '')?.[1] ?? [],
    )
    expect(new Set(firstWords).size).toBeLessThan(40)
  })

  it('rejects sizes out of range', () => {
    expect(() => generateCorpus({ pages: 5 })).toThrow(RangeError)
    expect(() => generateCorpus({ pages: 2.5 })).toThrow('20 to 6000')
  })
})
