import { describe, expect, it } from 'vitest'
import { type ScoredCall, usedTool } from '../../../../src/kit/scoring/conduct/trajectory.ts'

const read: ScoredCall = {
  tool: 'cat',
  arguments: { path: 'ACME/2014/page_15', raw: true },
  outcome: 'ok',
  output: 'text',
}

describe('looking for a call in a trajectory', () => {
  it('finds a successful call by its tool, by some of its arguments, or by both', () => {
    expect(usedTool([read], { tool: 'cat' })).toBe(true)
    expect(usedTool([read], { arguments: { path: 'ACME/2014/page_15' } })).toBe(true)
    expect(usedTool([read], { tool: 'cat', arguments: { raw: true } })).toBe(true)
    expect(usedTool([read], {})).toBe(true)
  })

  it('does not take another tool, another value or a missing field for it', () => {
    expect(usedTool([read], { tool: 'list', arguments: { path: 'ACME/2014/page_15' } })).toBe(false)
    expect(usedTool([read], { arguments: { path: 'ACME/2014/page_1' } })).toBe(false)
    expect(usedTool([read], { arguments: { page: undefined } })).toBe(false)
    expect(usedTool([], {})).toBe(false)
  })

  it('does not count a call that was refused or failed', () => {
    for (const outcome of ['refused', 'failed'] as const)
      expect(usedTool([{ ...read, outcome }], { tool: 'cat' })).toBe(false)
  })

  it('reads arguments that are JSON text, and compares objects by content', () => {
    const call = { ...read, arguments: '{"where":{"b":1,"a":[2]}}' }
    expect(usedTool([call], { arguments: { where: { a: [2], b: 1 } } })).toBe(true)
    expect(usedTool([call], { arguments: { where: { a: [2] } } })).toBe(false)
  })

  it('survives arguments that are no object', () => {
    for (const value of [null, undefined, 3, 'text', '{broken', []]) {
      expect(usedTool([{ ...read, arguments: value }], { arguments: { path: 'x' } })).toBe(false)
    }
  })
})
