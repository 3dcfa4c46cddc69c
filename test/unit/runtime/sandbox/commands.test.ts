import { describe, expect, it } from 'vitest'
import { fileFailure } from '../../../../src/runtime/sandbox/commands.ts'

describe('a script for a file that fails', () => {
  const end = { signal: null, timedOut: false, stderr: 'sh: the reason\n' }

  it('blames the path only by the exit code that is reserved for it, or by the limits of files', () => {
    expect(fileFailure({ ...end, exitCode: 66 })).toMatchObject({ code: 'refused', message: 'sh: the reason' })
    expect(fileFailure({ ...end, exitCode: 153, signal: 'SIGXFSZ' })).toMatchObject({ code: 'refused' })
    expect(fileFailure({ ...end, exitCode: null, signal: 'SIGKILL' })).toMatchObject({ code: 'refused' })
  })

  it.each([1, 2, 126, 127, 137, 139])('is a failure of the sandbox where it ends with %i', (exitCode) => {
    expect(fileFailure({ ...end, exitCode })).toMatchObject({
      code: 'unavailable',
      message: `a file could not be read or written (exit code ${exitCode}): sh: the reason`,
    })
  })

  it('is a failure of the sandbox where it takes too long', () => {
    const late = fileFailure({ ...end, exitCode: null, signal: 'SIGKILL', timedOut: true })
    expect(late).toMatchObject({ code: 'unavailable', message: expect.stringContaining('it took too long') })
  })
})
