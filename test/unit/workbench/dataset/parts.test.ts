import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createDigests } from '../../../../src/workbench/dataset/digests.ts'
import { createSpread, createTally } from '../../../../src/workbench/dataset/distributions.ts'
import { createReferenceTable } from '../../../../src/workbench/dataset/reference-stats.ts'
import { leakedValue, referenceValues } from '../../../../src/workbench/dataset/references.ts'

describe('digests of rows', () => {
  it('return the first number of each text while the table grows from two slots to thousands', () => {
    const digests = createDigests(2)
    for (let n = 0; n < 10_000; n += 1) expect(digests.firstOf(`row ${n}`, n)).toBeUndefined()
    for (let n = 0; n < 10_000; n += 1) expect(digests.firstOf(`row ${n}`, n + 10_000)).toBe(n)
    expect(digests.find('row 10000')).toBeUndefined()
    expect(digests.find('row 0')).toBe(0)
    expect(digests.size).toBe(10_000)
  })
})

describe('a value of a reference in the messages', () => {
  it.each([
    ['was it 94.25 million?', '94.25', true],
    ['was it $94.25?', '94.25', true],
    ['was it 94.25.', '94.25', true],
    ['was it 194.25?', '94.25', false],
    ['was it 94.251?', '94.25', false],
    ['was it 1,194.2?', '194.2', false],
    ['was it 194.2,5?', '194.2', false],
    ['who leads, the ACME   corp?', 'Acme Corp', true],
    ['who leads acme corporation?', 'Acme Corp', false],
    ['yes or no?', 'yes', false],
    ['in which file is a/b/page_1.pdf?', 'a/b/page_1.pdf', true],
    ['', '94.25', false],
  ])('%j with %j: %s', (text, value, isThere) => {
    expect(leakedValue(text, [{ path: 'answer', value }]) !== undefined).toBe(isThere)
  })

  it('is found anywhere in the reference, with its path', () => {
    const values = referenceValues({ a: [{ b: 1 }, { b: 'deeply hidden' }], c: null, d: true })
    expect(values.map(({ path }) => path)).toEqual(['a[0].b', 'a[1].b', 'd'])
    expect(leakedValue('what is Deeply Hidden here?', values)?.path).toBe('a[1].b')
  })
})

describe('a spread of numbers', () => {
  it('has the quantiles of the numbers to one in a hundred, and every number in its histogram', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(1_000_000), { minLength: 1, maxLength: 300 }),
        fc.integer({ min: 1, max: 100 }),
        (values, percent) => {
          const spread = createSpread()
          for (const value of values) spread.add(value)
          const sorted = values.toSorted((a, b) => a - b)
          const exact = sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)] ?? 0
          expect(Math.abs(spread.quantile(percent / 100) - exact)).toBeLessThanOrEqual(exact * 0.011 + 1)
          expect([spread.least, spread.most]).toEqual([sorted[0], sorted.at(-1)])
          const bars = spread.histogram(8)
          expect(bars.length).toBeLessThanOrEqual(8)
          expect(bars.reduce((sum, { count }) => sum + count, 0)).toBe(values.length)
        },
      ),
    )
  })
})

describe('a tally of texts', () => {
  it('names the most frequent, and reports when it stopped counting new ones separately', () => {
    const tally = createTally()
    for (let n = 0; n < 6_000; n += 1) tally.add(`text ${n}`)
    for (let n = 0; n < 3; n += 1) tally.add('text 7')
    expect(tally.most(1)).toEqual([['text 7', 4]])
    expect([tally.count, tally.distinct, tally.isFull]).toEqual([6_003, 5_000, true])
  })
})

describe('the values of nested references', () => {
  it('are folded where the keys of an object are data, whatever the depth', () => {
    const table = createReferenceTable()
    for (let n = 0; n < 40; n += 1) {
      table.add({ orders: { [`W${n}`]: { status: n % 2 === 0 ? 'open' : 'paid', items: [n] } }, user: `u${n}` })
    }
    expect([...table.paths.keys()].toSorted()).toEqual(['orders.*.items[]', 'orders.*.status', 'user'])
    const status = table.paths.get('orders.*.status')
    expect(status?.values.count).toBe(40)
    expect(status?.values.most(2).map(([, count]) => count)).toEqual([20, 20])
    expect(table.paths.get('orders.*.items[]')).toMatchObject({ numbers: 40, lengths: { count: 40, most: 2 } })
  })

  it('keep the names of objects that have the same fields in every row', () => {
    const table = createReferenceTable()
    for (let n = 0; n < 40; n += 1) table.add({ expected: { total: n, unit: 'EUR' } })
    expect([...table.paths.keys()]).toEqual(['expected.total', 'expected.unit'])
  })
})
