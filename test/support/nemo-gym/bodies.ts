/** A row of a dataset as the client sends it: with every parameter of a request to a model, and the client's own columns. */
export function rowOf(question: string, answer: string, more: Readonly<Record<string, unknown>> = {}) {
  return {
    responses_create_params: {
      background: null,
      include: null,
      input: [{ type: 'message', role: 'user', content: question }],
      instructions: null,
      max_output_tokens: 512,
      temperature: 0.7,
      top_p: 0.95,
      parallel_tool_calls: true,
      tool_choice: 'auto',
      tools: [{ type: 'function', name: 'search', description: 'Looks up.', parameters: {}, strict: false }],
    },
    question,
    answer,
    agent_ref: { type: 'responses_api_agents', name: 'agent' },
    _ng_task_index: 4,
    _ng_rollout_index: 2,
    ...more,
  }
}

/** A message of the model. */
export const said = (text: string) => ({
  id: 'msg_1',
  type: 'message',
  role: 'assistant',
  status: 'completed',
  content: [{ type: 'output_text', text, annotations: [] }],
})

/** A tool call of the model. */
export const called = (name: string, args: unknown, id = 'call_0') => ({
  id: `fc_${id}`,
  type: 'function_call',
  call_id: id,
  name,
  arguments: JSON.stringify(args),
  status: 'completed',
})

/** The output of a tool call as the client puts it into the conversation. */
export const heard = (output: string, id = 'call_0') => ({ type: 'function_call_output', call_id: id, output })

/** A response of the model. */
export const responseOf = (...output: readonly unknown[]) => ({
  id: 'resp_1',
  object: 'response',
  created_at: 1_700_000_000,
  model: 'policy',
  parallel_tool_calls: true,
  tool_choice: 'auto',
  tools: [],
  output: [...output],
})
