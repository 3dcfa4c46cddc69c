import { describe, expect, it } from 'vitest'
import { createMetrics, createNames } from '../../../src/base/metrics.ts'

describe('the text of metrics', () => {
  it('has help, type and one line for each combination of labels', async () => {
    const metrics = createMetrics()
    const calls = metrics.counter('calls_total', 'Calls.', ['tool', 'outcome'])
    calls.of('cat', 'ok').add()
    calls.of('cat', 'ok').add(2)
    calls.of('list', 'failed').add()
    expect(await metrics.text()).toBe(
      [
        '# HELP calls_total Calls.',
        '# TYPE calls_total counter',
        'calls_total{tool="cat",outcome="ok"} 3',
        'calls_total{tool="list",outcome="failed"} 1',
        '',
      ].join('\n'),
    )
  })

  it('counts a histogram cumulatively, a value on an edge within its bucket', async () => {
    const metrics = createMetrics()
    const seconds = metrics.histogram('took_seconds', 'Time.', [0.1, 1], ['kind']).of('a')
    for (const value of [0.05, 0.1, 0.5, 7]) seconds.observe(value)
    expect((await metrics.text()).split('\n').slice(2, -1)).toEqual([
      'took_seconds_bucket{kind="a",le="0.1"} 2',
      'took_seconds_bucket{kind="a",le="1"} 3',
      'took_seconds_bucket{kind="a",le="+Inf"} 4',
      'took_seconds_sum{kind="a"} 7.65',
      'took_seconds_count{kind="a"} 4',
    ])
  })

  it('has a metric without labels at 0 before anything is counted, and leaves out a family without any', async () => {
    const metrics = createMetrics()
    metrics.counter('without_total', 'No labels.')
    metrics.counter('with_total', 'Labels.', ['tool'])
    metrics.gauge('absent', 'Not known here.', [], () => [])
    expect(await metrics.text()).toBe(
      '# HELP without_total No labels.\n# TYPE without_total counter\nwithout_total 0\n',
    )
  })

  it('escapes what the format gives a meaning', async () => {
    const metrics = createMetrics()
    metrics.gauge('g', 'One\ntwo \\ three', ['name'], () => [[1, 'a "quote", a \\ and\na line']])
    expect(await metrics.text()).toBe(
      '# HELP g One\\ntwo \\\\ three\n# TYPE g gauge\ng{name="a \\"quote\\", a \\\\ and\\na line"} 1\n',
    )
  })

  it('writes numbers that are not finite as the format has them', async () => {
    const metrics = createMetrics()
    metrics.gauge('g', 'Numbers.', ['n'], () => [
      [Number.NaN, 'a'],
      [Number.POSITIVE_INFINITY, 'b'],
      [Number.NEGATIVE_INFINITY, 'c'],
    ])
    expect((await metrics.text()).split('\n').slice(2, -1)).toEqual(['g{n="a"} NaN', 'g{n="b"} +Inf', 'g{n="c"} -Inf'])
  })

  it('leaves out what cannot be read, and has the rest', async () => {
    const metrics = createMetrics()
    metrics.gauge('unreadable', 'Of a database.', [], () => Promise.reject(new Error('unavailable')))
    metrics.gauge('later', 'Read from elsewhere.', [], async () => [[2]])
    expect(await metrics.text()).toBe('# HELP later Read from elsewhere.\n# TYPE later gauge\nlater 2\n')
  })

  it('refuses two metrics with one name', async () => {
    const metrics = createMetrics()
    metrics.counter('one_total', 'One.')
    expect(() => metrics.gauge('one_total', 'Again.', [], () => [])).toThrow('two metrics are named "one_total"')
  })
})

describe('names as labels', () => {
  it('are kept up to a limit, and are "other" beyond it', async () => {
    const nameOf = createNames(['a'], 2)
    expect(['b', 'c', 'a', 'd', 'b'].map(nameOf)).toEqual(['b', 'other', 'a', 'other', 'b'])
  })
})
