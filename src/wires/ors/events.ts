/** How a call ends on the stream: with an answer, or with an error that the client does not retry. */
export type Ending =
  | { readonly event: 'end'; readonly data: string }
  | { readonly event: 'error'; readonly data: string }

/** The most characters of one event's data. */
const pieceLength = 4_096

/** How often a comment keeps the stream alive, in milliseconds: clients give up after 30 seconds without a byte. */
const keepAliveMs = 10_000

const headers = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-cache',
  'x-accel-buffering': 'no',
}

/** An answer of events that are all known. */
export function eventAnswer(taskId: string, ending: Ending): Response {
  return new Response([event('task_id', taskId), ...eventsOf(ending)].join(''), { headers })
}

/** An answer that is an error alone, of a call that has no task. */
export function errorAnswer(message: string): Response {
  return new Response(eventsOf({ event: 'error', data: message }).join(''), { headers })
}

/**
 * An answer of which the first event is the id of the task. `work` starts once that was read, so that a client that never
 * gets the id has caused nothing. While it runs, comments keep the connection alive. If it resolves with undefined, the
 * stream ends early, and the client comes back with the id.
 */
export function eventStream(taskId: string, work: () => Promise<Ending | undefined>): Response {
  const events = eventsWhile(taskId, work)
  const encoder = new TextEncoder()
  const stream = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await events.next()
        if (done) controller.close()
        else controller.enqueue(encoder.encode(value))
      },
      async cancel() {
        await events.return()
      },
    },
    // Nothing is read ahead.
    { highWaterMark: 0 },
  )
  return new Response(stream, { headers })
}

async function* eventsWhile(
  taskId: string,
  work: () => Promise<Ending | undefined>,
): AsyncGenerator<string, void, undefined> {
  yield event('task_id', taskId)
  const working = work()
  for (let isDone = false; !isDone; ) {
    isDone = await settledWithin(working, keepAliveMs)
    if (!isDone) yield ': keep-alive\n\n'
  }
  const ending = await working
  if (ending !== undefined) yield* eventsOf(ending)
}

/** Resolves with whether `work` has settled within this time; never rejects. */
export function settledWithin(work: Promise<unknown>, ms: number): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), ms)
    const settle = () => {
      clearTimeout(timer)
      resolve(true)
    }
    work.then(settle, settle)
  })
}

function eventsOf({ event: name, data }: Ending): string[] {
  if (name === 'error') return [event('error', data.replaceAll(/\s+/g, ' '))]
  const pieces = data === '' ? [''] : piecesOf(data)
  return pieces.map((piece, at) => event(at === pieces.length - 1 ? 'end' : 'chunk', piece))
}

const event = (name: string, data: string) => `event: ${name}\ndata: ${data}\n\n`

/**
 * Cuts JSON text into the pieces that clients join again. Clients strip white space from the front of each, and some end a
 * line at characters that JSON allows in strings. Both are escaped, which changes nothing: JSON without indentation has white
 * space in strings only.
 *
 * @example piecesOf('{"a":"b"}') // ['{"a":"b"}']
 */
export function piecesOf(json: string): string[] {
  const text = json.replaceAll(/[\u0085\u2028\u2029]/g, escaped)
  const pieces: string[] = []
  for (let at = 0; at < text.length; ) {
    const first = text.charAt(at).replace(/\s/, escaped)
    let end = Math.min(at + pieceLength + 1 - first.length, text.length)
    // A surrogate pair is not cut in half.
    if (end < text.length && /[\ud800-\udbff]/.test(text.charAt(end - 1))) end -= 1
    pieces.push(first + text.slice(at + 1, end))
    at = end
  }
  return pieces
}

/** A character as an escape of JSON. */
const escaped = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
