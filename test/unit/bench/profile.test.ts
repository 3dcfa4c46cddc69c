import { existsSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { shareOfParts } from '../../../bench/profile.ts'

const frame = (functionName: string, url = '') => ({ functionName, url })

describe('a CPU profile', () => {
  it('attributes time inside Node and V8 to their caller, and leaves out idle time', () => {
    const profile = {
      nodes: [
        { id: 1, callFrame: frame('(root)'), children: [2, 3, 4] },
        { id: 2, callFrame: frame('(idle)') },
        { id: 3, callFrame: frame('onread', 'node:internal/stream_base_commons'), children: [5, 7] },
        { id: 4, callFrame: frame('(garbage collector)') },
        { id: 5, callFrame: frame('query', 'file:///app/node_modules/postgres/src/connection.js'), children: [6] },
        { id: 6, callFrame: frame('writev', 'node:net') },
        { id: 7, callFrame: frame('contentHash', 'file:///app/dist/src/base/json.js'), children: [8] },
        { id: 8, callFrame: frame('stringify') },
      ],
      samples: [2, 3, 4, 5, 6, 7, 8],
      timeDeltas: [1000, 10, 10, 10, 30, 20, 20],
    }
    expect(shareOfParts(profile)).toEqual([
      ['the driver: postgres.js', 0.4],
      ['canonical JSON and hashes', 0.4],
      ["Node's HTTP and sockets", 0.1],
      ['garbage collection', 0.1],
    ])
  })
  it.each([
    ['src/server/auth/authenticate', 'authentication'],
    ['src/base/exact-json', 'canonical JSON and hashes'],
    ['src/wires/read-body', 'reading the body: JSON, zod'],
    ['src/postgres/driver', 'the driver: postgres.js'],
    ['src/ledger/batch', 'the ledger'],
    ['src/core/calls/calls', 'the verb and the tool'],
  ])('counts %s as %s', (file, part) => {
    expect(existsSync(`${file}.ts`)).toBe(true)
    const callFrame = frame('work', `file:///app/dist/${file}.js`)
    const nodes = [
      { id: 1, callFrame: frame('(root)'), children: [2] },
      { id: 2, callFrame },
    ]
    expect(shareOfParts({ nodes, samples: [2], timeDeltas: [10] })).toEqual([[part, 1]])
  })
})
