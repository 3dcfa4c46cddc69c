import { describe, expect, it } from 'vitest'
import { environment } from '../../schema/environment.ts'

describe('an item', () => {
  const call = { id: 'call_1', type: 'function', function: { name: 'search', arguments: '{}' } }

  it.each([
    ['an assistant message with tool calls and no content', { role: 'assistant', tool_calls: [call] }],
    ['content that is null', { role: 'assistant', content: null, tool_calls: [call] }],
    ['content in parts', { role: 'user', content: [{ type: 'text', text: 'how much?' }] }],
    ['a tool’s answer', { role: 'tool', tool_call_id: 'call_1', content: '' }],
  ])('may hold %s', (_, message) => {
    const read = environment.readItem({ messages: [message], reference_answer: '1' })
    expect(read).toMatchObject({ fits: true, task: { messages: [message] } })
  })

  it('whose message lacks a role is rejected with a message of our own that names the field', () => {
    const read = environment.readItem({ messages: [{ content: 'hi' }], reference_answer: '1' })
    expect(read).toEqual({ fits: false, message: 'item.messages[0].role: is missing, must be a string' })
  })
})
