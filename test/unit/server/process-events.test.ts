import { EventEmitter } from 'node:events'
import { expect, it } from 'vitest'
import { loggable } from '../../../src/base/log.ts'
import { handleUnhandledErrors } from '../../../src/server/http/process-events.ts'
import { keepingLog } from '../../support/app.ts'

it('an unhandled error is logged without its message: after a rejection the server continues, after an exception it exits', () => {
  const process = new EventEmitter()
  const log = keepingLog()
  const ends: number[] = []
  handleUnhandledErrors(process, log, (code) => ends.push(code))
  const error = Object.assign(new TypeError('the-answer'), { code: '22P02', parameters: ['the-answer'] })
  process.emit('unhandledRejection', error)
  expect(ends).toEqual([])
  process.emit('uncaughtException', error)
  expect(ends).toEqual([1])
  expect(log.lines.map(({ facts }) => facts['code'])).toEqual(['unhandled_rejection', 'uncaught_exception'])
  for (const { facts } of log.lines) {
    const logged = loggable(facts['cause'])
    expect(logged).toMatchObject({ type: 'TypeError', message: '22P02' })
    expect(logged.stack).toContain('process-events.test.ts')
    expect(JSON.stringify([facts, logged])).not.toContain('the-answer')
  }
})
