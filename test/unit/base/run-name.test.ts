import { describe, expect, it } from 'vitest'
import { coversRun, isRunName, isRunPattern, runInPath } from '../../../src/base/run-name.ts'

describe('the name of a run', () => {
  it.each(['a', 'exp-7', 'simulate-2026-11-30T05-10-22', 'A_b.c', 'x'.repeat(100), '...'])('may be %s', (name) => {
    expect(isRunName(name)).toBe(true)
  })

  it.each(['', '.', '..', 'a b', 'a/b', 'exp-*', 'größe', 'a\n', 'x'.repeat(101)])('may not be %j', (name) => {
    expect(isRunName(name)).toBe(false)
  })
})

describe('a pattern of runs', () => {
  it.each([
    ['exp-*', ['exp-', 'exp-7'], ['exp', 'my-exp-7', 'EXP-7']],
    ['final', ['final'], ['final-2', 'fina']],
    ['*', ['anything'], []],
  ])('%s covers names that begin like it', (pattern, covered, others) => {
    expect(isRunPattern(pattern)).toBe(true)
    for (const run of covered) expect(coversRun([pattern], run)).toBe(true)
    for (const run of others) expect(coversRun(['unrelated', pattern], run)).toBe(false)
  })

  it.each(['', '*a', 'a*b', 'a**', '..'])('may not be %j', (text) => expect(isRunPattern(text)).toBe(false))
})

describe('the path of an address of a run', () => {
  it('is split into the run and the path of the address', () => {
    expect(runInPath('/runs/exp-7/tools/cat')).toEqual({ run: 'exp-7', path: '/tools/cat' })
    expect(runInPath('/runs//tools')).toEqual({ run: '', path: '/tools' })
  })

  it.each(['/tools/cat', '/runs', '/runs/exp-7', '/runsx/a/b', '/v1/runs/a/b'])('is not %s', (path) => {
    expect(runInPath(path)).toBeUndefined()
  })
})
