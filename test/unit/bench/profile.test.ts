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
        { id: 7, callFrame: frame('contentHash', 'file:///app/dist/src/json.js'), children: [8] },
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
})
