import { describe, expect, it } from 'vitest'
import { type ScoredCall, usedTool } from '../../../src/kit/trajectory.ts'

const read: ScoredCall = {
  tool: 'cat',
  arguments: { path: 'ACME/2014/page_15', raw: true },
  outcome: 'ok',
  output: 'text',
}

describe('finding a call in a trajectory', () => {
  it('matches a successful call by its tool, by some of its arguments, or by both', () => {
    expect(usedTool([read], { tool: 'cat' })).toBe(true)
    expect(usedTool([read], { arguments: { path: 'ACME/2014/page_15' } })).toBe(true)
    expect(usedTool([read], { tool: 'cat', arguments: { raw: true } })).toBe(true)
    expect(usedTool([read], {})).toBe(true)
  })

  it('does not match another tool, another value or a missing field', () => {
    expect(usedTool([read], { tool: 'list', arguments: { path: 'ACME/2014/page_15' } })).toBe(false)
    expect(usedTool([read], { arguments: { path: 'ACME/2014/page_1' } })).toBe(false)
    expect(usedTool([read], { arguments: { page: undefined } })).toBe(false)
    expect(usedTool([], {})).toBe(false)
  })

  it('does not match a refused or failed call', () => {
    for (const outcome of ['refused', 'failed'] as const)
      expect(usedTool([{ ...read, outcome }], { tool: 'cat' })).toBe(false)
  })

  it('parses arguments that are JSON text, and compares objects by content', () => {
    const call = { ...read, arguments: '{"where":{"b":1,"a":[2]}}' }
    expect(usedTool([call], { arguments: { where: { a: [2], b: 1 } } })).toBe(true)
    expect(usedTool([call], { arguments: { where: { a: [2] } } })).toBe(false)
  })

  it('accepts arguments that are not an object', () => {
    for (const value of [null, undefined, 3, 'text', '{broken', []]) {
      expect(usedTool([{ ...read, arguments: value }], { arguments: { path: 'x' } })).toBe(false)
    }
  })
})
