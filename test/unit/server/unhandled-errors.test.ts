import { EventEmitter } from 'node:events'
import { expect, it } from 'vitest'
import { loggable } from '../../../src/base/log.ts'
import { surviveStrays } from '../../../src/server/unhandled-errors.ts'
import { keepingLog } from '../../support/app.ts'

it('an error that nobody caught is logged without its message: a rejection is survived, an exception is the end', () => {
  const process = new EventEmitter()
  const log = keepingLog()
  const ends: number[] = []
  surviveStrays(process, log, (code) => ends.push(code))
  const error = Object.assign(new TypeError('the-answer'), { code: '22P02', parameters: ['the-answer'] })
  process.emit('unhandledRejection', error)
  expect(ends).toEqual([])
  process.emit('uncaughtException', error)
  expect(ends).toEqual([1])
  expect(log.lines.map(({ facts }) => facts['code'])).toEqual(['unhandled_rejection', 'uncaught_exception'])
  for (const { facts } of log.lines) {
    const said = loggable(facts['cause'])
    expect(said).toMatchObject({ type: 'TypeError', message: '22P02' })
    expect(said.stack).toContain('unhandled-errors.test.ts')
    expect(JSON.stringify([facts, said])).not.toContain('the-answer')
  }
})
