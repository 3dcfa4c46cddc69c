import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createByteTree } from '../../../src/wires/byte-tree.ts'
import { runs } from '../../support/runs.ts'

/** Few different bytes, so that keys are equal for long; the last byte of a key occurs nowhere else. */
const key = fc.array(fc.constantFrom(0, 1, 2, 128, 255), { maxLength: 12 }).map((bytes) => Buffer.from([...bytes, 7]))

describe('a byte tree', () => {
  it('finds the keys that are in it, wherever they begin and whatever follows, and no others', () => {
    const change = fc.record({ key, isAdded: fc.boolean() })
    fc.assert(
      fc.property(fc.array(change, { maxLength: 60 }), fc.uint8Array({ maxLength: 5 }), (changes, around) => {
        const tree = createByteTree<string>()
        const expected = new Map<string, Buffer>()
        for (const { key, isAdded } of changes) {
          const name = key.toString('hex')
          if (!isAdded) tree.remove(key)
          else if (!expected.has(name)) tree.add(key, name)
          if (isAdded) expected.set(name, key)
          else expected.delete(name)
        }
        for (const { key } of changes) {
          const name = key.toString('hex')
          const bytes = Buffer.concat([around, key, around])
          const found = expected.has(name) ? name : undefined
          expect(tree.find([bytes], around.length)).toBe(found)
          // Also in single bytes.
          expect(
            tree.find(
              Array.from(bytes, (byte) => Buffer.of(byte)),
              around.length,
            ),
          ).toBe(found)
          expect(tree.find([bytes.subarray(0, around.length + key.length - 1)], around.length)).toBe(undefined)
        }
      }),
      { numRuns: runs(500) },
    )
  })

  it('refuses a key that is there already', () => {
    const tree = createByteTree<number>()
    tree.add(Buffer.from('{}'), 1)
    expect(() => tree.add(Buffer.from('{}'), 2)).toThrow('is there already')
  })
})
