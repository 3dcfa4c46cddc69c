import { describe, expect, it } from 'vitest'
import { itemOf, rolloutIdOf } from '../../../../src/wires/nemo-gym/row.ts'

const messagesOf = (responses_create_params: { input?: unknown; instructions?: unknown }) =>
  itemOf({ responses_create_params: { input: undefined, ...responses_create_params } })['messages']

describe('the item of a row', () => {
  it('lacks the columns of the transport, the sampling parameters and the response', () => {
    const params = { input: 'a', temperature: 1, top_p: 0.9, max_output_tokens: 9, model: 'm', metadata: {}, user: 'u' }
    const row = { responses_create_params: params, agent_ref: {}, response: {}, _ng_task_index: 1, answer: 'b' }
    expect(itemOf(row)).toEqual({
      messages: [{ role: 'user', content: 'a' }],
      answer: 'b',
      responses_create_params: { input: 'a' },
    })
  })

  it('is the same whether a client sends parameters as null, empty or not at all', () => {
    const [some, all] = [{ input: 'a' }, { input: 'a', instructions: null, tools: [], text: undefined, store: null }]
    expect(itemOf({ responses_create_params: all })).toEqual(itemOf({ responses_create_params: some }))
  })

  it('keeps the messages of a row that has some', () => {
    const row = { responses_create_params: { input: 'a' }, messages: [{ role: 'user', content: 'b' }] }
    expect(itemOf(row)['messages']).toEqual([{ role: 'user', content: 'b' }])
  })

  it.each([
    ['a text', { input: 'a' }, [{ role: 'user', content: 'a' }]],
    [
      'instructions',
      { instructions: 'be brief', input: 'a' },
      [
        { role: 'system', content: 'be brief' },
        { role: 'user', content: 'a' },
      ],
    ],
    [
      'parts of text, which are joined',
      {
        input: [
          {
            type: 'message',
            role: 'user',
            content: [
              { type: 'input_text', text: 'a' },
              { type: 'input_text', text: 'b' },
            ],
          },
        ],
      },
      [{ role: 'user', content: 'ab' }],
    ],
    [
      'an image, which is kept',
      { input: [{ role: 'user', content: [{ type: 'input_image', image_url: 'u' }] }] },
      [{ role: 'user', content: [{ type: 'input_image', image_url: 'u' }] }],
    ],
    [
      'a tool call, which is left out',
      {
        input: [
          { type: 'function_call', call_id: 'c', name: 'n', arguments: '{}' },
          { role: 'user', content: 'a' },
        ],
      },
      [{ role: 'user', content: 'a' }],
    ],
    ['nothing', {}, []],
  ])('has the messages of an input with %s', (_, params, messages) => {
    expect(messagesOf(params)).toEqual(messages)
  })
})

describe('the id of a new rollout', () => {
  const idOf = (columns: object) => rolloutIdOf({ responses_create_params: { input: 'a' }, ...columns })

  it.each([
    [
      'the client’s own id',
      { _ng_rollout_id: 'abc.1', _ng_task_index: 1, _ng_rollout_index: 2 },
      /^abc\.1-[0-9a-f]{12}$/,
    ],
    ['its task and its place', { _ng_task_index: 1, _ng_rollout_index: 2 }, /^1-2-[0-9a-f]{12}$/],
  ])('begins with %s, and is never the same twice', (_, columns, form) => {
    expect(idOf(columns)).toMatch(form)
    expect(idOf(columns)).not.toBe(idOf(columns))
  })

  it('is left to the server for a row without one', () => {
    expect([idOf({}), idOf({ _ng_rollout_id: 'not an id', _ng_task_index: 1 })]).toEqual([undefined, undefined])
  })
})
