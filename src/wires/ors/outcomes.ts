import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { readArguments, toolNameOf } from '../../core/calls/tool-request.ts'
import { RequestError } from '../../kit/errors.ts'
import { makeSubmit, type Submit } from '../../kit/submit.ts'
import type { FoundAttempt } from '../../ledger/sessions.ts'
import type { WireDeps } from '../wire.ts'
import type { Ending } from './events.ts'
import { textBlock } from './prompt.ts'

/** One call of a session, by the name that the model wrote. */
export interface SessionCall {
  readonly session: FoundAttempt
  /** The name of the caller's key. */
  readonly key: string
  readonly name: string
  readonly input: unknown
  /** Known to the client before the call runs, so that it can come back with it; the call's id in the ledger. */
  readonly taskId: string
}

/** What a model calls to finish where its environment declares nothing: it submits one text. */
export function plainSubmit(tools: WireDeps['tools']): Submit {
  const isTaken = tools.some(({ name }) => name === 'submit')
  return makeSubmit({
    name: isTaken ? 'final_answer' : 'submit',
    input: z.object({ answer: z.string().describe('The final answer') }),
    sample: ({ answer }) => answer,
  })
}

/** Runs a tool as the ledger does, once for each task id. Throws what the verb throws. */
export async function callTool(deps: WireDeps, submit: Submit, made: SessionCall): Promise<Ending> {
  const { session, key, name, input, taskId } = made
  const { run, rolloutId, item, itemHash, number } = session
  const answer = await deps.call({
    run,
    wire: 'ors',
    key,
    rolloutId,
    callId: taskId,
    tool: name,
    arguments: input,
    item,
    itemHash,
    attempt: number,
  })
  if (answer.outcome === 'ok') return output(answer.output, { reward: null, finished: false, metadata: null })
  const known = new Map(deps.tools.map((tool) => [tool.name, tool]))
  const isKnown = known.has(toolNameOf(name, known))
  return refusal(isKnown ? answer.output : `${answer.output}; to finish, call ${submit.name}`)
}

/** How often a grading that fails is tried, as trainers of other wires do before they discard the rollout. */
const mostTries = 3

/**
 * Finishes the rollout: grades the sample that the model submits. Without a score the answer has no reward and says so in
 * its metadata. Throws only when the server is stopping: another replica then finishes it.
 */
export async function finish(
  deps: WireDeps,
  submit: Submit,
  { session, key, input }: SessionCall,
  onFailure: (error: RequestError) => void,
): Promise<Ending> {
  const args = readArguments(input)
  const opened = args.readable ? submit.open(args.value) : { fits: false as const, message: args.reason }
  if (!opened.fits) return refusal(opened.message)
  const { run, rolloutId, item, itemHash, number } = session
  const { sample } = opened
  for (let tries = 1; ; tries += 1) {
    try {
      const request = { run, wire: 'ors', key, rolloutId, grader: undefined, sample, item, itemHash, attempt: number }
      const { score } = await deps.grade({ ...request, isFinal: true })
      return output('submitted', { reward: score, finished: true, metadata: null })
    } catch (error) {
      if (!(error instanceof RequestError) || error.code === 'server_stopping') throw error
      if (error.code === 'rollout_graded') {
        return refusal('the task is finished: an answer was submitted before, and counts')
      }
      if (error.status >= 500 && tries < mostTries) {
        // Less than a stopping server waits for its answers.
        await sleep(tries * 500)
        continue
      }
      onFailure(error)
      const { code, message: why } = error
      const metadata = { scorekeeper: { no_score: true, code, why } }
      return output('submitted', { reward: null, finished: true, metadata })
    }
  }
}

/** The name by which a model finishes, as models write names. */
export const isSubmit = (name: string, { name: own }: Submit): boolean =>
  toolNameOf(name, new Map([[own, true]])) === own

interface Outcome {
  readonly reward: number | null
  readonly finished: boolean
  readonly metadata: object | null
}

const output = (text: string, { reward, finished, metadata }: Outcome): Ending => ({
  event: 'end',
  data: JSON.stringify({ ok: true, output: { blocks: [textBlock(text)], metadata, reward, finished } }),
})

const refusal = (error: string): Ending => ({ event: 'end', data: JSON.stringify({ ok: false, error }) })
