import { randomUUID } from 'node:crypto'
import { bigintIn, type FoundBigint, stringifyExactly } from '../../base/exact-json.ts'
import { contentHash } from '../../base/json.ts'
import type { Log } from '../../base/log.ts'
import { shorten } from '../../base/text.ts'
import type { Tool } from '../../kit/define-tool.ts'
import { RequestError } from '../../kit/errors.ts'
import type { RolloutKey } from '../../ledger/attempt.ts'
import type { CallIdentity, Recorded, StoredCall } from '../../ledger/calls/call.ts'
import type { Located } from '../../ledger/calls/lookup.ts'
import { createAnswerTimeout } from '../answer-timeout.ts'
import type { Begin } from '../begin.ts'
import { callFailure, endOf } from '../failure.ts'
import type { Observer } from '../observer.ts'
import { createCallMemory, createReuseNotes } from './call-memory.ts'
import { runExternal } from './run-external.ts'
import { type Run, type RunServices, replayOf, runInTransaction, runWithoutEffects } from './run-tool.ts'
import { createKeyedMutex, createSingleFlight } from './single-flight.ts'
import { type Arguments, readArguments, toolNameOf, unknownTool } from './tool-request.ts'
import { createUnrecorded, recordingFailure, recordRefusal } from './unrecorded.ts'

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
  /** The number of the attempt, on wires with sessions; by default the ledger finds it. */
  readonly attempt?: number
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
  /** Begins the attempt of a call that none has yet; undefined in environments that need no beginning. */
  readonly begin?: Begin | undefined
  /** What is recorded of arguments and items, if the environment redacts them. */
  readonly recordedArguments?: ((tool: string, args: unknown) => unknown) | undefined
  readonly recordedItem?: ((item: unknown) => unknown) | undefined
  /** Is told of each call. */
  readonly observer?: Observer | undefined
}

/** The verb "call a tool", and its calls that run in this process. */
export interface Caller {
  /**
   * Makes a call once and resolves with its answer, the stored one if it was made before. Throws a `RequestError`: 422
   * for an item that does not fit, 409 for an attempt that has ended, 5xx for a failure of the server.
   */
  call(request: ToolRequest): Promise<ToolAnswer>
  /** Whether a call of this rollout runs in this process, or has failed and is not recorded yet. */
  isBusy(rollout: RolloutKey): boolean
  /** Records the failed calls that are not recorded yet; resolves when none is left, or after a few seconds. */
  handIn(): Promise<void>
}

/** Creates the verb "call a tool". */
export function createCaller(settings: CallerSettings): Caller {
  const { ledger, log, tools, begin, observer } = settings
  const singleFlight = createSingleFlight<Recorded>()
  const unrecorded = createUnrecorded(ledger, log, { holdSeconds: settings.holdSeconds })
  const inTurn = createKeyedMutex()
  const answerInTime = createAnswerTimeout(settings.answerSeconds, settings.stopping)
  const isRedacting = settings.recordedArguments !== undefined || settings.recordedItem !== undefined
  const noteReuse = createReuseNotes(log)
  const mayBeRecorded = createCallMemory(settings.budget?.calls)

  const recorded = (call: CallIdentity, work: Parameters<typeof recordingFailure>[3]) =>
    recordingFailure(settings, unrecorded, call, work)
  const refuse = (call: CallIdentity, code: string, output: string) =>
    recorded(call, () => recordRefusal(settings, { ...call, startedAt: new Date() }, { code, output }))

  /** Finds where a call belongs; in an environment with a beginning it has begun then. */
  const enter = async (call: CallIdentity, item: unknown): Promise<Located> => {
    const found = await ledger.locate(call)
    if (call.number !== undefined && replayOf(found) === undefined && (found.ended || found.number === undefined)) {
      const message = 'the rollout has ended; begin another one'
      throw new RequestError(409, 'rollout_ended', message, { details: factsOf(call) })
    }
    if (begin === undefined || found.begun || replayOf(found) !== undefined) return found
    const isPart = async () => (await ledger.locate(call)).stored !== undefined
    const { number } = await begin({ ...call, number: found.number, isPart }, item)
    // Another request may have begun it meanwhile, and made the call.
    return found.number === undefined ? await ledger.locate({ ...call, number }) : { ...found, number }
  }

  /** Records a failure of the server to enter, so that the rollout is not graded without this call. */
  const enterOrFail = async (call: CallIdentity, item: unknown): Promise<Located> => {
    try {
      return await enter(call, item)
    } catch (error) {
      if (error instanceof RequestError && error.status < 500) throw error
      const { call: stored } = await recorded(call, () => Promise.reject(error))
      return { stored, number: stored.number, calls: 0, ended: false, begun: true }
    }
  }

  /** The sandboxes of a call; undefined for a tool without any, or if the call is refused because the budget is used up. */
  const sandboxesOf = async (call: CallIdentity, tool: Tool, { item }: Given, found: Located | undefined) => {
    const { sandboxes, budget } = settings
    const names = tool.sandboxes ?? []
    if (sandboxes === undefined || names.length === 0 || call.number === undefined) return undefined
    if (budget !== undefined && found?.stored === undefined && (found?.calls ?? 0) >= budget.calls) return undefined
    const { run, number: rollout, itemHash, callId } = call
    const work = ['call', callId, call.tool, call.argumentsHash ?? contentHash(call.arguments)]
    return sandboxes.use({ run, rollout, item, itemHash, work }, names)
  }

  const open = async (call: CallIdentity, given: Given, found?: Located): Promise<Recorded> => {
    const { args, item, isNew } = given
    const tool = tools.get(call.tool)
    if (tool === undefined) return refuse(call, 'unknown_tool', unknownTool(call.tool, [...tools.keys()]))
    if (!args.readable) return refuse(call, 'invalid_arguments', `the arguments are not JSON: ${args.reason}`)
    const rounded = bigintIn(args.value)
    if (rounded !== undefined) return refuse(call, 'invalid_arguments', unfitInteger(rounded))
    const seconds = tool.timeoutSeconds ?? settings.toolSeconds
    const late = () => new RequestError(504, 'tool_timed_out', `the tool "${tool.name}" took longer than ${seconds} s`)
    const run: Run = { call, rows: tool.rows, seconds, late }
    const unfit = ({ problem, message }: { problem: 'arguments' | 'item'; message: string }) => {
      if (problem === 'arguments') return refuse(call, 'invalid_arguments', `invalid arguments: ${message}`)
      throw new RequestError(422, 'item_misfit', `the item does not fit the environment: ${message}`)
    }
    if (tool.effects === 'external') {
      const opened = tool.open(args.value, item, call.itemHash)
      const waitUntil = performance.now() + settings.answerSeconds * 1000
      if (!opened.fits) return unfit(opened)
      const boxes = await sandboxesOf(call, tool, given, found)
      try {
        return await runExternal(settings, unrecorded, run, opened, waitUntil, boxes)
      } finally {
        await boxes?.release()
      }
    }
    if (tool.effects === 'database') {
      const opened = tool.open(args.value, item, call.itemHash)
      if (!opened.fits) return unfit(opened)
      const { run: work } = opened
      const noting: typeof opened = {
        fits: true,
        run(context) {
          given.isVisible = true
          return work(context)
        },
      }
      return recorded(call, () => inTurn(given.rollout, () => runInTransaction(settings, run, noting)))
    }
    const opened = tool.open(args.value, item, call.itemHash)
    if (!opened.fits) return unfit(opened)
    // A retry that is not recognized here runs the tool again, which does no harm, and gets the stored answer.
    const isFirst = !mayBeRecorded(given.rollout, call) || isNew
    if (isFirst && call.number === undefined) {
      return await recorded(call, () => runWithoutEffects(settings, run, undefined, opened))
    }
    return await recorded(call, async (located) => {
      const found = await ledger.locate(call)
      return (
        replayOf(found) ?? (await runWithoutEffects(settings, { ...run, call: located(found.number) }, found, opened))
      )
    })
  }

  const make = async (call: CallIdentity, given: Given): Promise<Recorded> => {
    try {
      if (begin === undefined && call.number === undefined) return await open(call, given)
      const found = await enterOrFail(call, given.item)
      return replayOf(found) ?? (await open({ ...call, number: found.number }, given, found))
    } catch (error) {
      throw callFailure(error, call)
    }
  }

  return {
    isBusy: (rollout) => singleFlight.isBusy(keyOf(rollout)) || unrecorded.has(rollout),
    handIn: () => unrecorded.handIn(5),
    async call(request) {
      const began = performance.now()
      const { run, wire, key, item, itemHash = contentHash(item), attempt: number } = request
      const rolloutId = request.rolloutId ?? `rollout_${randomUUID()}`
      const callId = request.callId ?? `call_${randomUUID()}`
      const args = readArguments(request.arguments)
      const tool = toolNameOf(request.tool, tools)
      const stored = settings.recordedArguments?.(tool, args.value)
      const call: CallIdentity = {
        run,
        rolloutId,
        callId,
        tool,
        arguments: stored ?? args.value,
        argumentsHash: stored === undefined ? undefined : contentHash(args.value),
        itemHash,
        item: settings.recordedItem === undefined ? item : settings.recordedItem(item),
        originals: isRedacting ? [args.value, item] : undefined,
        number,
        wire,
        key,
      }
      const { arguments: written } = request
      const spelt = typeof written === 'string' ? written : stringifyExactly(args.value)
      const flight = `${callId.length} ${tool.length} ${callId}${tool}${itemHash}${spelt}`
      const given: Given = { args, item, rollout: keyOf(call), isNew: request.callId === undefined, isVisible: false }
      const { joined, result } = singleFlight.join(given.rollout, flight, () => make(call, given))
      const late = () => {
        const details = factsOf(call)
        return new RequestError(503, 'answer_timed_out', 'the call was not answered in time; try again', { details })
      }
      observer?.calling(1)
      try {
        let end: Recorded
        try {
          end = await answerInTime(late, result)
        } catch (error) {
          // A call that takes longer still runs: a retry joins it, and a grading waits for it.
          const isLate = error instanceof RequestError && error.code === 'answer_timed_out'
          if (!isLate || given.isVisible) throw error
          end = await recorded(call, () => Promise.reject(error))
        }
        const { call: done, replayed } = end
        const isReplay = joined || replayed
        if (isReplay) ledger.replays.add(done, 'calls')
        else if (done.nth > 1) noteReuse(done)
        const answer = answerOf(call, done, isReplay)
        observer?.called(call, answer.outcome, done.code, began, isReplay, answer.output)
        return answer
      } catch (error) {
        const { outcome, code } = endOf(error)
        if (outcome !== 'rejected') observer?.called(call, outcome, code, began, joined, '')
        throw error
      } finally {
        observer?.calling(-1)
      }
    },
  }
}

/** What is given with a call: the arguments and the item as they arrived, and whether its id is new. */
interface Given {
  readonly args: Arguments
  readonly item: unknown
  /** The rollout, as {@link keyOf} names it. */
  readonly rollout: string
  /** Whether the server generated the call's id, so that it cannot have been recorded before. */
  readonly isNew: boolean
  /**
   * Whether a grading on any replica sees that the call runs, by the lock of its transaction. Any other call that is not
   * answered in time is recorded as failed until it ends, so that its rollout gets no score without it.
   */
  isVisible: boolean
}

const keyOf = ({ run, rolloutId }: RolloutKey) => `${run}/${rolloutId}`

const factsOf = ({ run, rolloutId, callId, tool }: CallIdentity) => ({ run, rollout: rolloutId, call: callId, tool })

function answerOf(call: CallIdentity, stored: StoredCall, replayed: boolean): ToolAnswer {
  const { rolloutId, callId } = call
  const { outcome, output } = stored
  if (outcome === 'ok' || outcome === 'refused') return { rolloutId, callId, outcome, output, replayed }
  const message = 'an earlier execution of this call is not settled yet; try again'
  throw new RequestError(503, 'call_unsettled', message, { details: factsOf(call), retryAfterSeconds: 2 })
}

function unfitInteger({ path, value }: FoundBigint): string {
  const name = shorten(path.replace(/^\./, '') || 'the value', 200)
  return `invalid arguments: ${name} is ${shorten(String(value), 60)}, and integers are exact only up to 9007199254740991; send it as a string`
}
