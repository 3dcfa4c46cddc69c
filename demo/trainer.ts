import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'

/** One row of the dataset, as a trainer sends it with every call. */
export interface Item {
  readonly messages: readonly { readonly role: string; readonly content: string }[]
}

/** What an agent may do in a rollout: read the question and call tools. */
export interface Desk {
  readonly question: string
  /** Calls a tool and gives what the model would read: the output, or the text of an error. */
  call(tool: string, args: Readonly<Record<string, unknown>>): Promise<string>
}

/** A scripted stand-in for a model. */
export interface Agent {
  readonly name: string
  /** Plays one rollout and gives its final answer. */
  play(desk: Desk): Promise<string>
}

/** What the trainer saw of one rollout. */
export interface PlayedRollout {
  readonly id: string
  readonly agent: string
  /** The reward, or undefined when the rollout was discarded. */
  readonly reward: number | undefined
  readonly calls: number
  /** Calls that were sent a second time with the same ids. */
  readonly retries: number
  /** Retries that were answered otherwise than the first attempt: there must be none. */
  readonly differences: number
  /** How long each call took, in milliseconds. */
  readonly latencies: readonly number[]
}

/** Where the server is, the header that opens it, and how often the trainer sends a call again. */
export interface TrainerSettings {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  /** Says of each call whether it is to be sent twice, as after a lost answer. */
  readonly repeats: () => boolean
}

/** Plays one rollout as a trainer does: tool calls, retries with the same ids, and the grading at its end. */
export async function playRollout(settings: TrainerSettings, agent: Agent, item: Item): Promise<PlayedRollout> {
  const id = `demo_${randomUUID()}`
  const latencies: number[] = []
  let retries = 0
  let differences = 0

  const call: Desk['call'] = async (tool, args) => {
    const ids = { id: `fc_${randomUUID()}`, call_id: `call_${randomUUID()}`, trace_id: id }
    const body = { type: 'function_call', ...ids, name: tool, arguments: JSON.stringify(args), item }
    const began = performance.now()
    const answer = await post(settings, `/tools/${tool}`, body)
    latencies.push(performance.now() - began)
    if (settings.repeats()) {
      retries += 1
      if ((await post(settings, `/tools/${tool}`, body)).text !== answer.text) differences += 1
    }
    return answer.json.output ?? answer.text
  }

  const asked = item.messages.findLast(({ role }) => role === 'user')
  const output = await agent.play({ question: asked?.content ?? '', call })
  const choices = [{ index: 0, message: { role: 'assistant', content: output, tool_calls: [] }, finish_reason: 'stop' }]
  const sample = { choices, output_text: output, output_json: null, output_tools: [], output_reasoning_summary: null }
  const graded = await post(settings, '/graders/finqa', { sample, item, trace_id: id })
  return { id, agent: agent.name, reward: graded.json.score, calls: latencies.length, retries, differences, latencies }
}

const answerShape = z.looseObject({ output: z.string().optional(), score: z.number().optional() })

/** Posts, and tries again on a 5xx or a lost connection, three times. */
async function post({ url, headers }: TrainerSettings, path: string, body: unknown) {
  const request = {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  }
  for (let turn = 0; ; turn += 1) {
    const response = await fetch(url + path, request).catch(() => undefined)
    const text = (await response?.text()) ?? '{}'
    if ((response !== undefined && response.status < 500) || turn === 3) {
      return { text, json: answerShape.parse(JSON.parse(text)) }
    }
    await sleep(200 * 2 ** turn)
  }
}
