// The shapes of the wire as trainers send them, with invented values.

const task = {
  messages: [{ name: null, role: 'user', content: 'by how much did the revenue of Quill Harbor rise in 2012?' }],
  tools: null,
  parallel_tool_calls: true,
}

/** A tool call with everything that a trainer sends, and its answer. */
export const toolCallSample = {
  request: {
    type: 'function_call',
    id: 'fc_51d0',
    call_id: 'call_9ab3',
    name: 'lookup',
    arguments: '{"query":"revenue of Quill Harbor in 2012"}',
    trace_id: 'trace_c4e1b2',
    item: { ...task, reference_answer: '17.5' },
  },
  response: {
    type: 'function_call_output',
    call_id: 'call_9ab3',
    id: 'fc_51d0',
    output: '{"page":"QHBR/2012/page_4"}',
  },
}

/** A grading with everything that a trainer sends. */
export const gradingSample = {
  sample: {
    choices: [{ index: 0, message: { role: 'assistant', content: '17.5', tool_calls: [] }, finish_reason: 'stop' }],
    output_text: '17.5',
    output_json: null,
    output_tools: [],
    output_reasoning_summary: null,
  },
  item: { ...task, reference_answer: '17.5' },
  trace_id: 'trace_c4e1b2',
}

/** A grading of a model that gave no output, with the label under another name. */
export const emptyAnswerSample = {
  sample: {
    choices: [{ index: 0, message: { role: 'assistant', content: '', tool_calls: [] }, finish_reason: 'stop' }],
    output_text: '',
    output_json: null,
    output_tools: [],
    output_reasoning_summary: null,
  },
  item: { messages: [{ name: null, role: 'user', content: 'target: 31' }], tools: null, target: 31 },
  trace_id: 'trace_silent',
}

/** A grading with the required fields only. */
export const minimalGradingSample = {
  sample: { output_text: 'KX-TOR-114' },
  item: { reference_answer: 'KX-TOR-114' },
  trace_id: 'trace_bare',
}

/** A tool as a row of the dataset lists it. */
export const toolDefinitionSample = {
  type: 'function',
  function: {
    name: 'lookup',
    description: 'Find the page that answers a question.',
    parameters: {
      type: 'object',
      properties: { query: { type: 'string' } },
      required: ['query'],
      additionalProperties: false,
    },
  },
}
