import { randomUUID } from 'node:crypto'
import { bigintIn, type FoundBigint } from '../base/exact-json.ts'
import { contentHash } from '../base/json.ts'
import type { Log } from '../base/log.ts'
import { shorten } from '../base/text.ts'
import type { Tool } from '../kit/define-tool.ts'
import { RequestError } from '../kit/errors.ts'
import { type CallIdentity, isSameCall, type Recorded, type StoredCall } from '../ledger/calls/call.ts'
import { createAnswerTimeout } from './answer-timeout.ts'
import { callFailure } from './failure.ts'
import { runExternal } from './run-external.ts'
import { type Run, type RunServices, runInTransaction, runWithoutEffects } from './run-tool.ts'
import { createKeyedMutex, createSingleFlight } from './single-flight.ts'
import { type Arguments, readArguments, toolNameOf, unknownTool } from './tool-request.ts'
import { createUnrecorded, recordingFailure } from './unrecorded.ts'

/** A tool call, independent of the wire. */
export interface ToolRequest {
  readonly run: string
  /** The protocol of the request and the name of the caller's key, recorded with a new attempt. */
  readonly wire?: string
  readonly key?: string
  /** The trainer's id of the rollout; a new one is generated if it is missing. */
  readonly rolloutId: string | undefined
  /** The trainer's id of the call; a new one is generated if it is missing. */
  readonly callId: string | undefined
  readonly tool: string
  /** What the model wrote: JSON text, or a parsed value. */
  readonly arguments: unknown
  /** The dataset row, the reference included. */
  readonly item: unknown
  /** The {@link contentHash} of the item, if it is already known. */
  readonly itemHash?: string
}

/** The answer to a tool call: the model reads `output`, for every outcome. */
export interface ToolAnswer {
  readonly rolloutId: string
  readonly callId: string
  readonly outcome: 'ok' | 'refused'
  readonly output: string
  /** Whether this is the stored answer of an earlier call. */
  readonly replayed: boolean
}

/** What {@link createCaller} needs. */
export interface CallerSettings extends RunServices {
  readonly tools: ReadonlyMap<string, Tool>
  readonly log: Log
  /** How long a tool may run that sets no time of its own, in seconds. */
  readonly toolSeconds: number
  /** How long a call may take altogether, waiting included, in seconds: less than the trainer's own timeout. */
  readonly answerSeconds: number
  /** How long a failed call's answer is held back while the failure cannot be recorded, in seconds. */
  readonly holdSeconds: number
}

/** The verb "call a tool", and its calls that run in this process. */
export interface Caller {
  /**
   * Makes a call once and resolves with its answer, the stored one if it was made before. Throws a `RequestError`: 422
   * for an item that does not fit, 409 for a call id of another call, 5xx for a failure of the server.
   */
  call(request: ToolRequest): Promise<ToolAnswer>
  /** Whether a call of this rollout runs in this process, or has failed and is not recorded yet. */
  isBusy(rolloutId: string): boolean
  /** Records the failed calls that are not recorded yet; resolves when none is left, or after a few seconds. */
  handIn(): Promise<void>
}

/** Creates the verb "call a tool". */
export function createCaller(settings: CallerSettings): Caller {
  const { ledger, log, tools } = settings
  const singleFlight = createSingleFlight<Recorded>()
  const unrecorded = createUnrecorded(ledger, log, { holdSeconds: settings.holdSeconds })
  const inTurn = createKeyedMutex()
  const answerInTime = createAnswerTimeout(settings.answerSeconds, settings.stopping)

  const recorded = (call: CallIdentity, work: () => Promise<Recorded>) =>
    recordingFailure(settings, unrecorded, call, work)
  const refuse = (call: CallIdentity, code: string, output: string) =>
    recorded(call, () => ledger.record({ ...call, outcome: 'refused', output, code, startedAt: new Date() }))

  const open = async (call: CallIdentity, args: Arguments, isNew: boolean): Promise<Recorded> => {
    const tool = tools.get(call.tool)
    if (tool === undefined) return refuse(call, 'unknown_tool', unknownTool(call.tool, [...tools.keys()]))
    if (!args.readable) return refuse(call, 'invalid_arguments', `the arguments are not JSON: ${args.reason}`)
    const rounded = bigintIn(args.value)
    if (rounded !== undefined) return refuse(call, 'invalid_arguments', unfitInteger(rounded))
    const seconds = tool.timeoutSeconds ?? settings.toolSeconds
    const late = () => new RequestError(504, 'tool_timed_out', `the tool "${tool.name}" took longer than ${seconds} s`)
    const run: Run = { call, isNew, seconds, late }
    const unfit = ({ problem, message }: { problem: 'arguments' | 'item'; message: string }) => {
      if (problem === 'arguments') return refuse(call, 'invalid_arguments', `invalid arguments: ${message}`)
      throw new RequestError(422, 'item_misfit', `the item does not fit the environment: ${message}`)
    }
    if (tool.effects === 'external') {
      const opened = tool.open(args.value, call.item)
      const waitUntil = performance.now() + settings.answerSeconds * 1000
      return opened.fits ? runExternal(settings, unrecorded, run, opened, waitUntil) : unfit(opened)
    }
    if (tool.effects === 'database') {
      const opened = tool.open(args.value, call.item)
      if (!opened.fits) return unfit(opened)
      return recorded(call, () => inTurn(call.rolloutId, () => runInTransaction(settings, run, opened)))
    }
    const opened = tool.open(args.value, call.item)
    if (!opened.fits) return unfit(opened)
    return recorded(call, () => runWithoutEffects(settings, run, opened))
  }

  const make = async (call: CallIdentity, args: Arguments, isNew: boolean): Promise<Recorded> => {
    try {
      return await open(call, args, isNew)
    } catch (error) {
      throw callFailure(error, call)
    }
  }

  return {
    isBusy: (rolloutId) => singleFlight.isBusy(rolloutId) || unrecorded.has(rolloutId),
    handIn: () => unrecorded.handIn(5),
    async call(request) {
      const rolloutId = request.rolloutId ?? `rollout_${randomUUID()}`
      const callId = request.callId ?? `call_${randomUUID()}`
      const args = readArguments(request.arguments)
      const { item, itemHash = contentHash(item) } = request
      const tool = toolNameOf(request.tool, tools)
      const call = { rolloutId, callId, tool, arguments: args.value, itemHash, item }
      const { joined, result } = singleFlight.join(JSON.stringify([rolloutId, callId, call.itemHash]), rolloutId, () =>
        make(call, args, request.callId === undefined),
      )
      const late = () => {
        const details = { rollout: rolloutId, call: callId, tool }
        return new RequestError(503, 'answer_timed_out', 'the call was not answered in time; try again', { details })
      }
      // A call that takes longer still runs: a retry joins it, and a grading waits for it.
      const { call: stored, replayed } = await answerInTime(late, result)
      return answerOf(call, stored, joined || replayed)
    },
  }
}

function answerOf(call: CallIdentity, stored: StoredCall, replayed: boolean): ToolAnswer {
  const { rolloutId, callId } = call
  const facts = { rollout: rolloutId, call: callId, tool: call.tool }
  if (replayed && !isSameCall(stored, call)) {
    const message = `call_id "${callId}" is already used by another call of this rollout, of "${stored.tool}"; give each call its own`
    throw new RequestError(409, 'call_id_reused', message, { details: facts })
  }
  const { outcome, output } = stored
  if (outcome === 'ok' || outcome === 'refused') return { rolloutId, callId, outcome, output, replayed }
  const message = 'an earlier attempt at this call is not settled yet; try again'
  throw new RequestError(503, 'call_unsettled', message, { details: facts, retryAfterSeconds: 2 })
}

function unfitInteger({ path, value }: FoundBigint): string {
  const name = shorten(path.replace(/^\./, '') || 'the value', 200)
  return `invalid arguments: ${name} is ${shorten(String(value), 60)}, and integers are exact only up to 9007199254740991; send it as a string`
}
