import { describe, expect, it } from 'vitest'
import { asksForJson, failureRead, sampleOf } from '../../../../src/wires/nemo-gym/response.ts'
import { called, heard, responseOf, said } from '../../../support/nemo-gym/bodies.ts'

describe('the sample of a response', () => {
  it('is the text of the last assistant message, with all tool calls in the shape of chat completions', () => {
    const response = responseOf(
      { type: 'reasoning', summary: [{ type: 'summary_text', text: 'first I search' }] },
      said('I search.'),
      called('search', { q: 'a' }, 'call_1'),
      heard('found', 'call_1'),
      said('yes'),
    )
    expect(sampleOf(response, false)).toEqual({
      choices: [{ index: 0, message: { role: 'assistant', content: 'yes', tool_calls: [] }, finish_reason: 'stop' }],
      output_text: 'yes',
      output_json: null,
      output_tools: [{ id: 'call_1', type: 'function', function: { name: 'search', arguments: '{"q":"a"}' } }],
      output_reasoning_summary: 'first I search',
    })
  })

  it.each([
    ['no message', [called('search', {})], ''],
    ['content that is a text', [{ role: 'assistant', content: 'a' }], 'a'],
    ['a refusal', [{ ...said(''), content: [{ type: 'refusal', refusal: 'I cannot' }] }], ''],
    ['a message of the user at the end', [said('a'), { type: 'message', role: 'user', content: 'go on' }], 'a'],
    ['items of unknown types', [{ type: 'web_search_call' }, 7, null, said('a')], 'a'],
  ])('of a response with %s has its text', (_, output, text) => {
    expect(sampleOf(responseOf(...output), false).output_text).toBe(text)
  })

  it('says that the response is cut off, and has its JSON if the row asks for JSON', () => {
    const response = { ...responseOf(said('{"a":1}')), incomplete_details: { reason: 'max_output_tokens' } }
    expect(sampleOf(response, true)).toMatchObject({ output_json: { a: 1 }, choices: [{ finish_reason: 'length' }] })
    expect(asksForJson({ input: 'a', text: { format: { type: 'json_schema', name: 'n', schema: {} } } })).toBe(true)
    expect(asksForJson({ input: 'a', text: { format: { type: 'text' } } })).toBe(false)
  })

  it('names tools without the prefix of MCP clients', () => {
    const response = responseOf(called('mcp__scorekeeper__search', {}), said('a'))
    expect(sampleOf(response, false).output_tools).toMatchObject([{ function: { name: 'search' } }])
  })
})

describe('an error that the model read', () => {
  const text = '{"error":{"code":"tool_failed","message":"try again"},"from":"scorekeeper"}'

  it.each([
    ['as text', heard(text)],
    ['in a part', { ...heard(''), output: [{ type: 'input_text', text }] }],
    ['in parts that are JSON text', heard(JSON.stringify([{ type: 'text', text }]))],
  ])('is found %s', (_, output) => {
    expect(failureRead(responseOf(heard('fine'), output, said('a')))).toBe('tool_failed')
  })

  it.each([
    ['a tool’s own error', heard('{"error":{"code":"tool_failed","message":"of a tool"}}')],
    ['a message that quotes one', said(text)],
    ['text that only looks like it', heard('{"error":')],
  ])('is not %s', (_, output) => {
    expect(failureRead(responseOf(output, said('a')))).toBeUndefined()
  })
})
