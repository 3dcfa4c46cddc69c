import { describe, expect, it } from 'vitest'
import { createTracing, openTracing, type TraceApi } from '../../../src/server/tracing.ts'

/** OpenTelemetry's API as it is used, which keeps its spans. */
function keepingApi() {
  const spans: { name: string; options: unknown; events: unknown[]; status: unknown; endedAt?: number }[] = []
  const api: TraceApi = {
    getTracer: () => ({
      startSpan(name, options) {
        const span: (typeof spans)[number] = { name, options, events: [], status: undefined }
        spans.push(span)
        return {
          addEvent: (event, attributes) => span.events.push([event, attributes]),
          setStatus(status) {
            span.status = status
          },
          end(time) {
            span.endedAt = time
          },
        }
      },
    }),
  }
  return { api, spans }
}

const call = { run: 'exp-7', rolloutId: 'r-1', callId: 'c-1', tool: 'search' }

describe('the spans', () => {
  it('of a call are named and labelled by the conventions for generative AI, from its beginning to its end', () => {
    const { api, spans } = keepingApi()
    const began = performance.now()
    createTracing(api).called(call, 'ok', null, began, false, 'output')
    const [span] = spans
    expect(span).toMatchObject({
      name: 'execute_tool search',
      status: undefined,
      options: {
        startTime: performance.timeOrigin + began,
        attributes: {
          'gen_ai.operation.name': 'execute_tool',
          'gen_ai.tool.name': 'search',
          'gen_ai.tool.call.id': 'c-1',
          'gen_ai.conversation.id': 'r-1',
          'scorekeeper.run': 'exp-7',
        },
      },
    })
    expect(span?.endedAt).toBeGreaterThanOrEqual(performance.timeOrigin + began)
    expect(JSON.stringify(spans)).not.toContain('"output"')
  })

  it('of a refusal are no errors, and those of a failure are', () => {
    const { api, spans } = keepingApi()
    const tracing = createTracing(api)
    tracing.called(call, 'refused', 'invalid_arguments', 0, false, '')
    tracing.called(call, 'failed', 'tool_timed_out', 0, false, '')
    expect(spans.map(({ status }) => status)).toEqual([undefined, { code: 2 }])
    expect(spans[1]?.options).toMatchObject({ attributes: { 'error.type': 'tool_timed_out' } })
  })

  it('of a grading have its score as an evaluation result, and an error without one', () => {
    const { api, spans } = keepingApi()
    const tracing = createTracing(api)
    const grading = { run: 'exp-7', rolloutId: 'r-1', grader: 'fair' }
    tracing.graded(grading, 'scored', null, 0, false, { score: 0.5, parts: null, calls: 2 })
    tracing.graded(grading, 'ungradable', 'judge_unavailable', 0, false)
    expect(spans.map(({ name, status }) => [name, status])).toEqual([
      ['evaluate fair', undefined],
      ['evaluate fair', { code: 2 }],
    ])
    expect(spans[0]?.events).toEqual([
      [
        'gen_ai.evaluation.result',
        {
          'gen_ai.conversation.id': 'r-1',
          'gen_ai.evaluation.name': 'fair',
          'gen_ai.evaluation.score.value': 0.5,
        },
      ],
    ])
  })
})

describe('TRACING=on', () => {
  it('uses the API that the project has installed', async () => {
    const { api, spans } = keepingApi()
    const tracing = await openTracing(async () => ({ trace: api }))
    tracing.called(call, 'ok', null, 0, false, '')
    expect(spans).toHaveLength(1)
  })

  it('says what to install where it is missing, or is something else', async () => {
    const wanted = 'npm install @opentelemetry/api'
    await expect(openTracing()).rejects.toThrow(wanted)
    await expect(openTracing(async () => ({ trace: {} }))).rejects.toThrow(wanted)
  })
})
