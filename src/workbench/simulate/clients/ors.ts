import { z } from 'zod'
import type { Answer } from '../agent.ts'
import { type Attempt, type Delivered, deliver, deliverBy, type Fault, NotDelivered } from '../deliver.ts'
import { causeOf, maxBodyBytes } from '../send.ts'
import { type Graded, parsed, type TrainerClient, type TrainerWire } from './trainer-wire.ts'

const block = z.looseObject({ text: z.string().default('') })
const output = z.looseObject({
  blocks: z.array(block),
  reward: z.number().nullish(),
  finished: z.boolean().nullish(),
})
const answerShape = z.union([
  z.looseObject({ ok: z.literal(true), output }),
  z.looseObject({ ok: z.literal(false), error: z.string() }),
])
const toolsShape = z.object({ tools: z.array(z.looseObject({ name: z.string(), input_schema: z.unknown() })) })

/** What a simulation needs to know of a server's environment. */
export interface OrsSettings {
  /** The address of the wire. */
  readonly base: string
  /** The split of which the items are the first rows; by default the whole item is sent. */
  readonly split?: string | undefined
  /** The tool that ends a rollout, and the name of its argument for the answer. */
  readonly submit: { readonly tool: string; readonly argument: string }
}

/**
 * Plays a rollout as the client of the Open Reward Standard does: a session, an episode of it, calls over event streams that
 * are resumed by the id that their first event has, and a last call that submits the answer.
 *
 * @see https://openrewardstandard.io/specification/http-api
 */
export const ors =
  ({ base, split, submit }: OrsSettings): TrainerWire =>
  async ({ item, index, settings, signal }): Promise<TrainerClient> => {
    const session = await deliver(`${base}/create_session`, {}, settings, signal)
    const id = eventsIn(session.text).find(({ event }) => event === 'task_id')?.data
    if (session.status !== 200 || id === undefined) throw new NotDelivered([`http_${session.status}`])
    const headers = { ...settings.headers, 'x-session-id': id }
    const inSession = { ...settings, headers }
    const task = split === undefined ? { task_spec: item } : { split, index }
    const created = await deliver(`${base}/create`, task, inSession, signal)
    // A repetition finds the episode of the first.
    if (created.status !== 200 && created.status !== 400) throw new NotDelivered([`http_${created.status}`])

    const callTool = async (name: string, input: unknown, ending: AbortSignal): Promise<Delivered> => {
      let task: string | undefined
      const attempt = async (fault: Fault | undefined): Promise<Attempt> => {
        settings.onAttempt?.()
        const body = { name, input, ...(task !== undefined && { task_id: task }) }
        const stream = { headers, timeoutSeconds: settings.timeoutSeconds, isCut: fault === 'drop' }
        return await readCall(`${base}/call`, body, stream, ending, (known) => {
          task ??= known
        })
      }
      // Without the id of the first event a repetition would be another call: it is sent after the answer.
      const fault = () => {
        const drawn = settings.fault()
        return drawn === 'overlap' ? 'duplicate' : drawn
      }
      const policy = { retries: 5, isRetried: (status: number) => status >= 500 || status === 429 }
      return await deliverBy({ attempt, ...policy }, { ...settings, fault }, ending)
    }

    return {
      rollout: id,
      async call({ tool, arguments: text }) {
        const answer = await callTool(tool, parsed(text) ?? text, signal)
        const read = answerShape.safeParse(parsed(answer.text))
        if (!read.success) return answer
        return { ...answer, text: read.data.ok ? textOf(read.data.output) : read.data.error }
      },
      async grade({ text }: Answer, _calls, ending): Promise<Graded> {
        const delivered = await callTool(submit.tool, { [submit.argument]: text }, ending)
        const read = answerShape.safeParse(parsed(delivered.text))
        const reward = read.success && read.data.ok ? read.data.output.reward : undefined
        return { delivered, reward: reward ?? undefined }
      },
      async close(ending) {
        const quiet = { ...inSession, fault: () => undefined }
        await deliver(`${base}/delete`, {}, quiet, ending)
        await deliver(`${base}/delete_session`, {}, quiet, ending)
      },
    }
  }

const textOf = ({ blocks }: z.infer<typeof output>) => blocks.map(({ text }) => text).join('')

/**
 * The tool that submits, as a server lists it, which is none of the dataset's tools.
 *
 * @throws Error if the server lists no such tool, or one without a text argument.
 */
export async function submitToolOf(
  base: string,
  headers: Readonly<Record<string, string>>,
  named = 'submit',
): Promise<OrsSettings['submit']> {
  const response = await fetch(`${base}/tools`, { headers, redirect: 'manual', signal: AbortSignal.timeout(10_000) })
  const listed = toolsShape.safeParse(await response.json().catch(() => undefined))
  const tool = listed.data?.tools.find(({ name }) => name === named)
  const schema = z.object({ properties: z.record(z.string(), z.looseObject({})) }).safeParse(tool?.input_schema)
  const [argument] = Object.keys(schema.data?.properties ?? {})
  if (tool === undefined || argument === undefined) {
    throw new Error(`${base}/tools lists no tool "${named}" with an argument for the answer`)
  }
  return { tool: named, argument }
}

interface ServerEvent {
  readonly event: string
  readonly data: string
}

/** The whole events of a stream so far; comments are left out. */
function eventsIn(text: string): readonly ServerEvent[] {
  const whole = text.replaceAll('\r\n', '\n').split('\n\n').slice(0, -1)
  return whole.flatMap((lines) => {
    const fields = lines.split('\n').filter((line) => line !== '' && !line.startsWith(':'))
    if (fields.length === 0) return []
    const of = (name: string) =>
      fields.flatMap((line) => (line.startsWith(`${name}:`) ? [line.slice(name.length + 1).replace(/^ /, '')] : []))
    return [{ event: of('event')[0] ?? 'message', data: of('data').join('\n') }]
  })
}

interface CallStream {
  readonly headers: Readonly<Record<string, string>>
  readonly timeoutSeconds: number
  /** Whether the connection is closed after the first event. */
  readonly isCut: boolean
}

/** Makes a call and reads its events; `onTask` gets the id of the first. */
async function readCall(
  url: string,
  body: unknown,
  { headers, timeoutSeconds, isCut }: CallStream,
  signal: AbortSignal,
  onTask: (id: string) => void,
): Promise<Attempt> {
  const limit = AbortSignal.timeout(timeoutSeconds * 1000)
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'text/event-stream', ...headers },
      body: JSON.stringify(body),
      redirect: 'manual',
      signal: AbortSignal.any([signal, limit]),
    })
    const { status } = response
    if (status !== 200) return { status, text: await response.text(), headers: response.headers }
    let read = ''
    const decoder = new TextDecoder()
    for await (const chunk of response.body ?? []) {
      read += decoder.decode(chunk, { stream: true })
      const events = eventsIn(read)
      const id = events.find(({ event }) => event === 'task_id')?.data
      if (id !== undefined) onTask(id)
      if (id !== undefined && isCut) return { failed: 'connection_lost' }
      if (read.length > 2 * maxBodyBytes)
        return { status: 413, text: 'the answer is larger than 1 MB', headers: response.headers }
      const last = events.find(({ event }) => event === 'end' || event === 'error')
      if (last?.event === 'error') return { failed: `error_event: ${last.data.slice(0, 100)}` }
      if (last !== undefined) {
        const pieces = events.filter(({ event }) => event === 'chunk' || event === 'end').map(({ data }) => data)
        return { status, text: pieces.join(''), headers: response.headers }
      }
    }
    return { failed: 'connection_lost' }
  } catch (error) {
    if (limit.aborted) return { failed: 'timed_out' }
    return { failed: `connection_lost${signal.aborted ? `: ${causeOf(error)}` : ''}` }
  }
}
