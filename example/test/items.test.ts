import { describe, expect, it } from 'vitest'
import { environment } from '../../schema/environment.ts'

describe('an item', () => {
  const call = { id: 'call_1', type: 'function', function: { name: 'search', arguments: '{}' } }

  it.each([
    ['an assistant message with tool calls and no content', { role: 'assistant', tool_calls: [call] }],
    ['a content that is null', { role: 'assistant', content: null, tool_calls: [call] }],
    ['a content of parts', { role: 'user', content: [{ type: 'text', text: 'how much?' }] }],
    ['an answer of a tool', { role: 'tool', tool_call_id: 'call_1', content: '' }],
  ])('may hold %s', (_, message) => {
    const read = environment.readItem({ messages: [message], reference_answer: '1' })
    expect(read).toMatchObject({ fits: true, task: { messages: [message] } })
  })

  it('without a role in a message is told what is missing, in words of our own', () => {
    const read = environment.readItem({ messages: [{ content: 'hi' }], reference_answer: '1' })
    expect(read).toEqual({ fits: false, message: 'item.messages[0].role: is missing, must be a string' })
  })
})
