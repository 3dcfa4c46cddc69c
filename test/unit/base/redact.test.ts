import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { loggable } from '../../../src/base/log.ts'
import { concealed } from '../../../src/base/redact.ts'

const item = { reference_answer: '94.25', gold_path: 'reports/2014.md', pages: ['line one\nline two'], year: 7 }
const said = (error: unknown) => loggable(concealed(error, item))

describe('an error that a tool or a grader throws, as the log has it', () => {
  it.each([
    ['expected 94.25, got 12', 'expected […], got 12'],
    ['7 of 17 pages, 2007 to 2017', '[…] of 17 pages, 2007 to 2017'],
    [`no such item: ${JSON.stringify(item)}`, /^no such item: \{"reference_answer":"\[…\]","gold_path":"\[…\]"/],
    ['it says: line one\nline two\nand ends', 'it says: […] and ends'],
    ['Cannot read properties of undefined (reading "x")', 'Cannot read properties of undefined (reading "x")'],
  ])('says "%s" without what stands in the item', (message, expected) => {
    expect(said(new Error(message)).message).toMatch(expected)
  })

  it('keeps its type, its code, where it was thrown and what caused it, concealed alike', () => {
    const error = Object.assign(new TypeError('at 94.25', { cause: new RangeError('94.25') }), { code: 'E_MINE' })
    const log = said(error)
    expect(log).toMatchObject({ type: 'TypeError', code: 'E_MINE', message: 'at […]' })
    expect(log).toMatchObject({ cause: { type: 'RangeError', message: '[…]' } })
    expect(log.stack).toContain('redact.test.ts')
    expect(said(new AggregateError([new Error('94.25')], 'all'))).toMatchObject({ errors: [{ message: '[…]' }] })
    expect(said('94.25 thrown as it is')).toMatchObject({ type: 'string', message: '[…] thrown as it is' })
    expect(said({ ...item })).toMatchObject({ type: 'object', message: '[object Object]' })
  })

  it('says no piece of a JSON text that could not be parsed', () => {
    const parse = () => JSON.parse('{"secret": derived-from-the-item}')
    expect(() => parse()).toThrow(/derived/)
    const thrown = (() => {
      try {
        return parse()
      } catch (error) {
        return error
      }
    })()
    expect(JSON.stringify(said(thrown))).not.toContain('derived')
  })

  it('has no line of a message among the places where it was thrown', () => {
    expect(JSON.stringify(loggable(new Error('a\n    at the-answer (x.ts:1:2)')).stack)).not.toContain('the-answer')
  })

  it('never says a text of the item, whatever is around it and however often it was concealed', () => {
    const word = fc.string({ minLength: 4, maxLength: 40, unit: 'grapheme' }).filter((text) => text.trim().length > 3)
    fc.assert(
      fc.property(word, fc.string(), fc.string(), (secret, before, after) => {
        fc.pre(!'[…]'.includes(secret) && !`${before}${after}`.includes(secret))
        const once = concealed(new Error(`${before}${secret}${after}`), [{ deep: [secret] }])
        expect(loggable(once).message).not.toContain(secret)
        expect(loggable(concealed(once, null)).message).toBe(loggable(once).message)
      }),
    )
  })

  it('says no beginning of a long text that was cut off', () => {
    const page = 'x'.repeat(10) + 'the page that a tool has read '.repeat(2_000)
    for (const most of [100, 1_000, 30_000]) {
      const message = loggable(concealed(new Error(`read: ${page.slice(0, most)}`), { page })).message
      expect(message).toBe('read: […]')
    }
  })
})
