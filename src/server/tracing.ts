import { z } from 'zod'
import { version } from '../base/version.ts'
import type { Observer } from '../core/observer.ts'

type Attributes = Readonly<Record<string, string | number | boolean>>

/** The part of a span of OpenTelemetry's API that is used. */
interface Span {
  addEvent(name: string, attributes: Attributes): unknown
  setStatus(status: { readonly code: number }): unknown
  end(time: number): void
}

/** The part of OpenTelemetry's API that is used. */
export interface TraceApi {
  getTracer(
    name: string,
    version: string,
  ): {
    startSpan(name: string, options: { readonly startTime: number; readonly attributes: Attributes }): Span
  }
}

const isTraceApi = (value: unknown): value is TraceApi =>
  typeof value === 'object' && value !== null && 'getTracer' in value && typeof value.getTracer === 'function'

const apiModule = z.object({ trace: z.custom<TraceApi>(isTraceApi) })

/** `ERROR` of OpenTelemetry's status codes. */
const errorStatus = 2

/** The name of an optional package: the server does not depend on it. */
const packageName: string = '@opentelemetry/api'

/**
 * Makes spans of calls and gradings with OpenTelemetry's API, which the project has installed.
 *
 * @throws Error that says what to install.
 */
export async function openTracing(load: () => Promise<unknown> = () => import(packageName)): Promise<Observer> {
  try {
    return createTracing(apiModule.parse(await load()).trace)
  } catch (cause) {
    const message = `TRACING is on, and ${packageName} cannot be used: npm install ${packageName}, and see docs/opentelemetry.md`
    throw new Error(message, { cause })
  }
}

/**
 * Creates the observer that makes a span of each call and each grading, by the semantic conventions for generative AI. A span
 * is made when its work has ended, within the context of its request: its parent is the span of the HTTP request.
 */
export function createTracing(api: TraceApi): Observer {
  const tracer = api.getTracer('scorekeeper', version)
  const span = (name: string, began: number, attributes: Attributes) =>
    tracer.startSpan(name, { startTime: performance.timeOrigin + began, attributes })
  const end = (made: Span) => made.end(performance.timeOrigin + performance.now())
  return {
    calling() {},
    called({ run, rolloutId, callId, tool }, outcome, code, began, isReplay) {
      const made = span(`execute_tool ${tool}`, began, {
        'gen_ai.operation.name': 'execute_tool',
        'gen_ai.tool.name': tool,
        'gen_ai.tool.type': 'function',
        'gen_ai.tool.call.id': callId,
        'gen_ai.conversation.id': rolloutId,
        'scorekeeper.run': run,
        'scorekeeper.outcome': outcome,
        'scorekeeper.replayed': isReplay,
        ...(code !== null && { 'error.type': code }),
      })
      // A refusal is an answer to the model, and no error of the server.
      if (outcome === 'failed') made.setStatus({ code: errorStatus })
      end(made)
    },
    graded({ run, rolloutId, grader }, outcome, code, began, isReplay, given) {
      const facts = { 'gen_ai.conversation.id': rolloutId, 'gen_ai.evaluation.name': grader }
      const made = span(`evaluate ${grader}`, began, {
        ...facts,
        'scorekeeper.run': run,
        'scorekeeper.outcome': outcome,
        'scorekeeper.replayed': isReplay,
        ...(code !== null && { 'error.type': code }),
      })
      if (given !== undefined) {
        made.addEvent('gen_ai.evaluation.result', { ...facts, 'gen_ai.evaluation.score.value': given.score })
      } else made.setStatus({ code: errorStatus })
      end(made)
    },
  }
}
