import { describe, expect, it } from 'vitest'
import { retryAfterMs } from '../../../src/base/deadline.ts'

describe('Retry-After', () => {
  const now = Date.parse('Wed, 21 Oct 2015 07:28:00 GMT')

  it.each([
    ['7', 7_000],
    [' 0.5 ', 500],
    ['0', 0],
    ['Wed, 21 Oct 2015 07:28:30 GMT', 30_000],
    ['Wed, 21 Oct 2015 07:27:00 GMT', 0],
  ])('%j is %d milliseconds from now', (header, wait) => expect(retryAfterMs(header, now)).toBe(wait))

  it.each([null, undefined, '', 'soon', 'NaN', 'Infinity'])('%j is ignored', (header) =>
    expect(retryAfterMs(header, now)).toBeUndefined(),
  )
})
