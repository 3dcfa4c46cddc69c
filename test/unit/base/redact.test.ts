import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { loggable } from '../../../src/base/log.ts'
import { createSecretRedactor, redacted } from '../../../src/base/redact.ts'

const item = { reference_answer: '94.25', gold_path: 'reports/2014.md', pages: ['line one\nline two'], year: 7 }
const logged = (error: unknown) => loggable(redacted(error, item))

describe('a logged error of a tool or a grader', () => {
  it.each([
    ['expected 94.25, got 12', 'expected […], got 12'],
    ['7 of 17 pages, 2007 to 2017', '[…] of 17 pages, 2007 to 2017'],
    [`no such item: ${JSON.stringify(item)}`, /^no such item: \{"reference_answer":"\[…\]","gold_path":"\[…\]"/],
    ['it says: line one\nline two\nand ends', 'it says: […] and ends'],
    ['Cannot read properties of undefined (reading "x")', 'Cannot read properties of undefined (reading "x")'],
  ])('has the content of the item redacted: "%s"', (message, expected) => {
    expect(logged(new Error(message)).message).toMatch(expected)
  })

  it('keeps its type, code, stack and causes, redacted too', () => {
    const error = Object.assign(new TypeError('at 94.25', { cause: new RangeError('94.25') }), { code: 'E_MINE' })
    const log = logged(error)
    expect(log).toMatchObject({ type: 'TypeError', code: 'E_MINE', message: 'at […]' })
    expect(log).toMatchObject({ cause: { type: 'RangeError', message: '[…]' } })
    expect(log.stack).toContain('redact.test.ts')
    expect(logged(new AggregateError([new Error('94.25')], 'all'))).toMatchObject({ errors: [{ message: '[…]' }] })
    expect(logged('94.25 thrown as it is')).toMatchObject({ type: 'string', message: '[…] thrown as it is' })
    expect(logged({ ...item })).toMatchObject({ type: 'object', message: '[object Object]' })
  })

  it('does not quote JSON text that could not be parsed', () => {
    const parse = () => JSON.parse('{"secret": derived-from-the-item}')
    expect(() => parse()).toThrow(/derived/)
    const thrown = (() => {
      try {
        return parse()
      } catch (error) {
        return error
      }
    })()
    expect(JSON.stringify(logged(thrown))).not.toContain('derived')
  })

  it('does not take a line of the message for a stack frame', () => {
    expect(JSON.stringify(loggable(new Error('a\n    at the-answer (x.ts:1:2)')).stack)).not.toContain('the-answer')
  })

  it('never contains a string of the item, whatever surrounds it, also when redacted twice', () => {
    const word = fc.string({ minLength: 4, maxLength: 40, unit: 'grapheme' }).filter((text) => text.trim().length > 3)
    fc.assert(
      fc.property(word, fc.string(), fc.string(), (secret, before, after) => {
        fc.pre(!'[…]'.includes(secret) && !`${before}${after}`.includes(secret))
        const once = redacted(new Error(`${before}${secret}${after}`), [{ deep: [secret] }])
        expect(loggable(once).message).not.toContain(secret)
        expect(loggable(redacted(once, null)).message).toBe(loggable(once).message)
      }),
    )
  })

  it('has secrets redacted, short ones only as whole words, and those that are too short not at all', () => {
    const redact = createSecretRedactor(['x', 'hunter2', 'sk-very-secret', undefined, ''])
    expect(redact('x wrong: sk-very-secret; user:hunter2, unhunter2; max')).toBe(
      'x wrong: […]; user:[…], unhunter2; max',
    )
  })

  it('has the truncated copy of a long string redacted', () => {
    const page = 'x'.repeat(10) + 'the page that a tool has read '.repeat(2_000)
    for (const most of [100, 1_000, 30_000]) {
      const message = loggable(redacted(new Error(`read: ${page.slice(0, most)}`), { page })).message
      expect(message).toBe('read: […]')
    }
  })
})
