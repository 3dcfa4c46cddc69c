import OpenAI from 'openai'
import { afterEach, describe, expect, it } from 'vitest'
import type { AgentContext, Answer, WantedCall } from '../../../../src/workbench/simulate/agent.ts'
import { modelAgent } from '../../../../src/workbench/simulate/model-agent.ts'
import { createSpending, type LimitReached, type SpendingLimits } from '../../../../src/workbench/simulate/spending.ts'
import { gate } from '../../../support/app.ts'
import { type ModelRequest, type ModelTurn, modelServer, say } from '../../../support/simulate/responses-server.ts'

const closing: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

const search = {
  type: 'function' as const,
  function: { name: 'search', description: 'Finds pages.', parameters: { type: 'object', properties: {} } },
}

/** A context whose tools return their name and arguments. */
function context(rest: Partial<AgentContext> = {}) {
  const together: (readonly WantedCall[])[] = []
  const callTogether = async (calls: readonly WantedCall[]) => {
    together.push(calls)
    return calls.map(({ tool, arguments: args }) => `${tool} ${String(args)}`)
  }
  const messages = [
    { role: 'developer', content: 'Answer shortly.' },
    { role: 'user', content: [{ type: 'text', text: 'How much?' }] },
  ]
  const none = { question: 'How much?', format: undefined, random: () => 0, signal: new AbortController().signal }
  const calls = { stepsLeft: () => 10, callTogether, call: async () => '' }
  return { together, context: { messages, tools: [search], ...none, ...calls, ...rest } satisfies AgentContext }
}

/** Plays a rollout with a model that has these turns. */
async function play(
  turns: readonly ModelTurn[] | ((request: ModelRequest, turn: number) => ModelTurn | Promise<ModelTurn>),
  at: AgentContext,
  limits: Partial<SpendingLimits> = {},
) {
  const next = typeof turns === 'function' ? turns : (_: ModelRequest, turn: number) => turns[turn - 1] ?? 'hang up'
  const server = await modelServer(next)
  closing.push(server.close)
  const client = new OpenAI({ baseURL: server.url, apiKey: 'sk-test', maxRetries: 3 })
  const reached: LimitReached[] = []
  const spending = createSpending({ concurrency: 4, ...limits }, (limit) => reached.push(limit))
  const agent = modelAgent({ client, model: 'gpt-test', effort: 'low', maxOutputTokens: 99, spending })
  return { agent, server, spending, reached, played: agent.play(at) }
}
const answerOf = async (played: Promise<string | Answer>) => {
  const answer = await played
  return typeof answer === 'string' ? { text: answer } : answer
}

describe('an agent that is a model', () => {
  it('gets the item’s messages, the tools and the settings', async () => {
    const { server, played } = await play([{ output: [say.text('94')] }], context().context)
    expect((await answerOf(played)).text).toBe('94')
    expect(server.requests).toMatchObject([
      {
        model: 'gpt-test',
        input: [
          { type: 'message', role: 'developer', content: 'Answer shortly.' },
          { type: 'message', role: 'user', content: 'How much?' },
        ],
        tools: [{ type: 'function', name: 'search', description: 'Finds pages.', parameters: { type: 'object' } }],
        ...{ parallel_tool_calls: true, store: false, max_output_tokens: 99, reasoning: { effort: 'low' } },
      },
    ])
  })

  it('has the calls of one turn made together, and gets its reasoning, its calls and their outputs back', async () => {
    const turns = [
      { output: [say.reasoning('Look.'), say.call('c1', 'search', { q: 1 }), say.call('c2', 'search', { q: 2 })] },
      { output: [say.reasoning('Found.'), say.text('94')], usage: [100, 7] as const },
    ]
    const { together, context: at } = context()
    const { server, played } = await play(turns, at)
    const answer = await answerOf(played)
    expect(together).toEqual([['{"q":1}', '{"q":2}'].map((args) => ({ tool: 'search', arguments: args }))])
    expect(server.requests[1]?.input.slice(2)).toMatchObject([
      { type: 'reasoning', encrypted_content: 'sealed Look.' },
      { type: 'function_call', call_id: 'c1' },
      { type: 'function_call', call_id: 'c2' },
      { type: 'function_call_output', call_id: 'c1', output: 'search {"q":1}' },
      { type: 'function_call_output', call_id: 'c2', output: 'search {"q":2}' },
    ])
    expect(answer).toEqual({ text: '94', inputTokens: 110, outputTokens: 12, reasoningSummary: 'Look.\nFound.' })
  })

  it('ends with its last text if it calls tools without steps left', async () => {
    const { together, context: at } = context({ stepsLeft: () => 0 })
    const { played } = await play([{ output: [say.text('so far'), say.call('c', 'search', {})] }], at)
    expect([(await answerOf(played)).text, together]).toEqual(['so far', []])
  })

  it('answers with its refusal', async () => {
    const { played } = await play([{ output: [say.refusal('I will not.')] }], context().context)
    expect((await answerOf(played)).text).toBe('I will not.')
  })

  it.each([
    ['as a job has it', { type: 'json_schema', json_schema: { name: 'n', schema: { type: 'object' }, strict: true } }],
    ['as the API has it', { type: 'json_schema', name: 'n', schema: { type: 'object' }, strict: true }],
  ])('answers in the format of the item, %s', async (_, format) => {
    const { server, played } = await play([{ output: [say.text('{}')] }], context({ format }).context)
    await played
    expect(server.requests[0]?.text).toEqual({
      format: { type: 'json_schema', name: 'n', schema: { type: 'object' }, strict: true },
    })
  })

  it('is retried after a rate limit, a 5xx and a lost connection, as soon as allowed', async () => {
    const limited = { status: 429, headers: { 'retry-after-ms': '1' } }
    const { server, played } = await play(
      [limited, { status: 500 }, 'hang up', { output: [say.text('94')] }],
      context().context,
    )
    expect([(await answerOf(played)).text, server.requests.length]).toEqual(['94', 4])
  })

  it.each([
    ['a wrong name', [{ status: 404, body: { error: { message: 'no such model' } } }], 'no such model'],
    ['a failure of its own', [{ output: [], more: { status: 'failed', error: { message: 'broke' } } }], 'broke'],
  ] as const)('throws for %s, so that the rollout is discarded', async (_, turns, message) => {
    const { played } = await play(turns, context().context)
    await expect(played).rejects.toThrow(message)
  })

  it('does not get more requests at the same time than its limit', async () => {
    const two = gate()
    let running = 0
    let most = 0
    const turn = async (): Promise<ModelTurn> => {
      running += 1
      most = Math.max(most, running)
      if (running === 2) void two.pass()
      await new Promise((resolve) => setTimeout(resolve, 5))
      running -= 1
      return { output: [say.text('94')] }
    }
    const { agent, played } = await play(turn, context().context, { concurrency: 2 })
    await Promise.all([played, ...Array.from({ length: 6 }, () => agent.play(context().context))])
    await two.reached
    expect(most).toBe(2)
  })

  it.each([
    ['tokens', { tokens: 30 }, 'the limit of 30 tokens for the model is reached'],
    ['money', { dollars: 0.00004, dollarsPerMillion: { input: 1, output: 2 } }, 'the limit of $0.00004'],
  ])('gets no request after its limit of %s, which is reported once', async (_, limits, message) => {
    const { agent, server, spending, reached, played } = await play(
      () => ({ output: [say.text('94')] }),
      context().context,
      limits,
    )
    await played
    await agent.play(context().context)
    await expect(agent.play(context().context)).rejects.toThrow(message)
    await expect(agent.play(context().context)).rejects.toThrow(message)
    expect([server.requests.length, reached.length, spending.spent.inputTokens]).toEqual([2, 1, 20])
  })
})
