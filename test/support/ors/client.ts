import { z } from 'zod'

/** Sends a request to a server: an app's `request`, or `fetch` with its address in front. */
export type Send = (path: string, init?: RequestInit) => Response | Promise<Response>

/** One event of a stream. */
export type StreamEvent = readonly [name: string, data: string]

/** Reads events as the Python client does: lines end at a line feed alone, and data loses the white space at its front. */
export function eventsIn(stream: string): StreamEvent[] {
  const events: StreamEvent[] = []
  let name = ''
  let data: string[] = []
  for (const line of stream.split('\n')) {
    if (line === '') {
      if (name !== '') events.push([name, data.join('\n')])
      name = ''
      data = []
    } else if (!line.startsWith(':')) {
      const value = line.slice(line.indexOf(':') + 1).trimStart()
      if (line.startsWith('event:')) name = value
      if (line.startsWith('data:')) data.push(value)
    }
  }
  return events
}

const result = z.union([
  z.object({
    ok: z.literal(true),
    output: z.object({
      blocks: z.array(z.object({ type: z.literal('text'), text: z.string(), detail: z.null() })),
      metadata: z.record(z.string(), z.unknown()).nullable(),
      reward: z.number().nullable(),
      finished: z.boolean(),
    }),
  }),
  z.object({ ok: z.literal(false), error: z.string() }),
])

/** The result of a call, from the events of its stream; throws for an error event and for a stream without an end. */
export function resultOf(events: readonly StreamEvent[]): z.infer<typeof result> {
  const failed = events.find(([name]) => name === 'error')
  if (failed !== undefined) throw new Error(failed[1])
  if (events.at(-1)?.[0] !== 'end') throw new Error('the stream ended early')
  const text = events.flatMap(([name, data]) => (name === 'chunk' || name === 'end' ? [data] : [])).join('')
  return result.parse(JSON.parse(text))
}

/** A JSON answer and its status. */
export interface Answer {
  readonly status: number
  readonly body: unknown
}

/** The requests of a client of Open Reward Standard, each sent once. */
export function orsClient(
  send: Send,
  { base = '/ors', headers = {} }: { base?: string; headers?: Readonly<Record<string, string>> } = {},
) {
  const request = (method: string, path: string, sid: string | undefined, body?: unknown) =>
    send(`${base}${path}`, {
      method,
      headers: {
        ...headers,
        'content-type': 'application/json',
        ...(sid !== undefined && { 'x-session-id': sid }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
  const json = async (method: string, path: string, sid?: string, body?: unknown): Promise<Answer> => {
    const response = await request(method, path, sid, body)
    return { status: response.status, body: JSON.parse(await response.text()) }
  }
  return {
    get: (path: string, sid?: string) => json('GET', path, sid),
    post: (path: string, body: unknown = {}, sid?: string) => json('POST', path, sid, body),
    /** The events of a stream. */
    async stream(path: string, body: unknown, sid?: string): Promise<StreamEvent[]> {
      return eventsIn(await (await request('POST', path, sid, body)).text())
    },
    /** Calls a tool, and returns the id of the task with the result. */
    async call(sid: string, name: string, input: unknown = {}, taskId?: string) {
      const body = { name, input, ...(taskId !== undefined && { task_id: taskId }) }
      const response = await request('POST', '/scorekeeper/call', sid, body)
      const text = await response.text()
      if (response.status !== 200) throw new Error(`${response.status}: ${text}`)
      const events = eventsIn(text)
      return { taskId: events[0]?.[1] ?? '', result: resultOf(events), events }
    },
    /** Begins a session with a task, or with a split and an index. */
    async begin(task: object): Promise<string> {
      const [[, sid] = ['', '']] = await this.stream('/create_session', {})
      const { status, body } = await this.post('/create', { env_name: 'scorekeeper', ...task }, sid)
      if (status !== 200) throw new Error(`${status}: ${JSON.stringify(body)}`)
      return sid
    },
  }
}
