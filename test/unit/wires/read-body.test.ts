import { describe, expect, it } from 'vitest'
import { createTurns } from '../../../src/base/turns.ts'
import { toolCallBody } from '../../../src/wires/agent-rft.ts'
import { createKnownItems } from '../../../src/wires/known-items.ts'
import { parseBodyWithItem } from '../../../src/wires/read-body.ts'

const limits = { items: createKnownItems(), turns: createTurns() }

/** The chunks of a call's body, of a few bytes each. */
function chunksOf(item: string): Buffer[] {
  const body = Buffer.from(`{"call_id":"c","trace_id":"r","name":"look","arguments":"{}","item":${item}}`)
  return Array.from({ length: Math.ceil(body.length / 7) }, (_, n) => body.subarray(n * 7, n * 7 + 7))
}

describe('reading a body with an item', () => {
  it.each([
    ['a new item', '{"question":"how much?"}'],
    ['a known item', '{"question":"how much?"}'],
    ['an invalid body', '{"question"'],
  ])('leaves nothing of the body in memory: %s', async (_, item) => {
    const chunks = chunksOf(item)
    const read = parseBodyWithItem(chunks, toolCallBody, limits)
    if (item.endsWith('}')) expect((await read).body).toMatchObject({ call_id: 'c', item: { question: 'how much?' } })
    else await expect(read).rejects.toMatchObject({ status: 400, code: 'invalid_json' })
    expect(chunks).toEqual([])
  })
})
