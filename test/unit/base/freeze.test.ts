import { describe, expect, it } from 'vitest'
import { deepFreeze } from '../../../src/base/freeze.ts'

describe('deepFreeze', () => {
  it('freezes objects and arrays at any depth, frozen ones too, and says roughly how large they are', () => {
    const shared = { deep: [{ deeper: {} }] }
    const value = { a: Object.freeze([shared, shared]), text: 'x'.repeat(1_000), big: 5n, none: null }
    expect(deepFreeze(value)).toBeGreaterThan(1_000)
    expect(deepFreeze(value)).toBeLessThan(2_000)
    for (const part of [value, shared, shared.deep, shared.deep[0], shared.deep[0]?.deeper]) {
      expect(Object.isFrozen(part)).toBe(true)
    }
  })

  it('survives what contains itself, and very deep nesting', () => {
    const circle: Record<string, unknown> = {}
    circle['self'] = [circle, circle]
    expect(deepFreeze(circle)).toBeGreaterThan(0)
    let deep: unknown = 1
    for (let level = 0; level < 100_000; level += 1) deep = [deep]
    expect(deepFreeze(deep)).toBeGreaterThan(0)
  })

  it.each([
    ['a date', new Date()],
    ['a map', new Map()],
    ['bytes', new Uint8Array(4)],
    ['a function', () => 1],
    ['an object of a class', new (class Own {})()],
  ])('says that a value with %s is not frozen completely, and freezes the rest', (_, part) => {
    const value = { part, list: [] }
    expect(deepFreeze(value)).toBe(undefined)
    expect([Object.isFrozen(value), Object.isFrozen(value.list), Object.isFrozen(part)]).toEqual([true, true, false])
  })
})
