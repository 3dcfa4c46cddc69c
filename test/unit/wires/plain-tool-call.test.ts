import fc from 'fast-check'
import { expect, it } from 'vitest'
import { plainToolCall, toolCallBody } from '../../../src/wires/agent-rft.ts'

const id = fc.oneof(fc.string(), fc.constantFrom(undefined, null, '', 7, true, 'x'.repeat(256), 'x'.repeat(257)))
const call = fc.record(
  {
    id,
    call_id: id,
    name: id,
    trace_id: id,
    arguments: fc.oneof(fc.string(), fc.jsonValue(), fc.constant(undefined)),
    item: fc.oneof(fc.jsonValue(), fc.constant(undefined)),
    more: fc.jsonValue(),
  },
  { requiredKeys: [] },
)

it('reads a usual call as the schema does, or leaves it to the schema', () => {
  let plain = 0
  const property = fc.property(fc.oneof(call, fc.jsonValue()), (body) => {
    const read = plainToolCall(body)
    if (read === undefined) return
    plain += 1
    expect(toolCallBody.parse(body)).toEqual(read)
  })
  fc.assert(property, { numRuns: 2_000 })
  expect(plain).toBeGreaterThan(10)
})

it('reads the calls of trainers', () => {
  const ids = { id: 'fc_1', call_id: 'call_1', trace_id: 'trace_1' }
  const body = { type: 'function_call', ...ids, name: 'find', arguments: '{}', item: { question: 'which?' } }
  expect(plainToolCall(body)).toEqual(toolCallBody.parse(body))
})
