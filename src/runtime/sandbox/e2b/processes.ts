import { z } from 'zod'
import { SandboxError } from '../provider.ts'
import { frameOf, framesOf } from './frames.ts'
import { bodyOf, excerpt, parsed, type Sending, send } from './http.ts'

/** How the processes of a sandbox are reached. */
export interface Access {
  readonly handle: string
  /** The address of what runs inside and starts processes. */
  readonly url: string
  readonly token: string | undefined
}

/** A process to run in a sandbox. */
export interface Process {
  readonly user: string
  readonly argv: readonly string[]
  /** Exactly so many bytes come on its standard input, which stays open afterwards. */
  readonly input: Uint8Array
  readonly maxStdoutBytes: number
  readonly maxStderrBytes: number
}

/** How a process ended. */
export interface Ended {
  /** Null if a signal ended it. */
  readonly exitCode: number | null
  readonly stdout: Uint8Array
  readonly stderr: Uint8Array
}

/** The port of the service within each sandbox that starts processes. */
export const envdPort = 49_983
/** How often the service says that the stream is alive, in seconds: a proxy ends a silent one. */
const keepAliveSeconds = 30
const chunkBytes = 256 * 1024

const bytes = z.base64().transform((text) => new Uint8Array(Buffer.from(text, 'base64')))
/** One of these, or something that needs no answer. What is 0, false or empty is left out. */
const event = z.object({
  event: z
    .object({
      start: z.object({ pid: z.number() }).optional(),
      data: z.object({ stdout: bytes.optional(), stderr: bytes.optional() }).optional(),
      end: z.object({ exitCode: z.number().default(0), exited: z.boolean().default(false) }).optional(),
    })
    .default({}),
})
const connectError = z.object({ code: z.string(), message: z.string().default('') })
const trailer = z.object({ error: connectError.optional() })

/** Codes of the Connect protocol for what has not happened and would be rejected again. */
const refusals: ReadonlySet<string> = new Set([
  'invalid_argument',
  'not_found',
  'already_exists',
  'permission_denied',
  'unauthenticated',
  'failed_precondition',
  'out_of_range',
  'unimplemented',
])

/**
 * Runs a process to its end.
 *
 * @throws SandboxError `unavailable` if the connection is lost, and then the process may run on, or if it prints more than it
 * may; `refused` if it cannot be started; the signal's reason when that aborts, and then the process runs on.
 */
export async function runProcess(access: Access, process: Process, signal: AbortSignal): Promise<Ended> {
  const leaving = new AbortController()
  const stop = () => leaving.abort(signal.reason)
  signal.addEventListener('abort', stop, { once: true })
  try {
    signal.throwIfAborted()
    return await follow(access, process, leaving.signal)
  } finally {
    signal.removeEventListener('abort', stop)
    // Ends the connection of a stream that was not read to its end.
    leaving.abort()
  }
}

async function follow(access: Access, process: Process, signal: AbortSignal): Promise<Ended> {
  const response = await send(startOf(access, process), signal)
  if (response.status !== 200 || response.body === null) throw rejection(response, await bodyOf(response, signal))
  const stdout = keep('standard output', process.maxStdoutBytes)
  const stderr = keep('standard error', process.maxStderrBytes)
  let ended: number | null | undefined
  try {
    for await (const { isLast, message } of framesOf(response.body)) {
      if (isLast) {
        const { error } = read(trailer, message)
        if (error !== undefined) throw connectFailure(error)
        // Read to its end, the connection can be used again.
        continue
      }
      const { start, data, end } = read(event, message).event
      // The processes that get input print nothing before they have it.
      if (start !== undefined) await sendInput(access, start.pid, process.input, signal)
      stdout.add(data?.stdout)
      stderr.add(data?.stderr)
      if (end !== undefined) ended = end.exited ? end.exitCode : null
    }
  } catch (error) {
    if (error instanceof SandboxError) throw error
    throw signal.aborted ? signal.reason : new SandboxError('unavailable', lostMessage, { cause: error })
  }
  if (ended === undefined) throw new SandboxError('unavailable', lostMessage)
  return { exitCode: ended, stdout: stdout.bytes(), stderr: stderr.bytes() }
}

const lostMessage = 'the connection to a process of the sandbox was lost'

function startOf(access: Access, { user, argv: [cmd, ...args], input }: Process): Sending {
  return {
    method: 'POST',
    url: `${access.url}/process.Process/Start`,
    headers: {
      ...headersOf(access, 'application/connect+json'),
      authorization: `Basic ${Buffer.from(`${user}:`).toString('base64')}`,
      'keepalive-ping-interval': String(keepAliveSeconds),
    },
    body: frameOf({ process: { cmd, args }, stdin: input.length > 0 }),
  }
}

async function sendInput(access: Access, pid: number, input: Uint8Array, signal: AbortSignal): Promise<void> {
  for (let at = 0; at < input.length; at += chunkBytes) {
    const stdin = Buffer.from(input.subarray(at, at + chunkBytes)).toString('base64')
    const request: Sending = {
      method: 'POST',
      url: `${access.url}/process.Process/SendInput`,
      headers: headersOf(access, 'application/json'),
      body: JSON.stringify({ process: { pid }, input: { stdin } }),
    }
    const response = await send(request, signal)
    const body = await bodyOf(response, signal)
    // The process has ended: its exit code says why.
    if (response.status !== 200 && connectError.safeParse(parsed(body)).success) return
    if (response.status !== 200) throw rejection(response, body)
  }
}

function headersOf({ handle, token }: Access, contentType: string): Record<string, string> {
  return {
    'content-type': contentType,
    'connect-protocol-version': '1',
    'e2b-sandbox-id': handle,
    'e2b-sandbox-port': String(envdPort),
    ...(token !== undefined && { 'x-access-token': token }),
  }
}

function rejection({ status }: Response, body: string): SandboxError {
  const json = parsed(body)
  const { data } = connectError.safeParse(json)
  if (data !== undefined) return connectFailure(data)
  const said = z.object({ message: z.string() }).safeParse(json).data?.message ?? ''
  const message = `the sandbox answered ${status}${said === '' ? '' : `: ${excerpt(said)}`}`
  // 401: the token may have changed. Without the sandbox a proxy answers with 502.
  const mayRecover = status >= 500 || status === 401 || status === 408 || status === 429
  return new SandboxError(mayRecover ? 'unavailable' : 'refused', message)
}

function connectFailure({ code, message }: z.infer<typeof connectError>): SandboxError {
  return new SandboxError(
    refusals.has(code) ? 'refused' : 'unavailable',
    `the sandbox answered ${code}: ${excerpt(message)}`,
  )
}

function read<Value>(schema: z.ZodType<Value>, message: unknown): Value {
  const { data } = schema.safeParse(message)
  if (data === undefined) throw new SandboxError('unavailable', 'a message of the sandbox does not have the known form')
  return data
}

/** Keeps what a process prints. */
function keep(what: string, most: number) {
  const chunks: Uint8Array[] = []
  let room = most
  return {
    add(chunk: Uint8Array | undefined) {
      if (chunk === undefined) return
      room -= chunk.length
      if (room < 0) throw new SandboxError('unavailable', `the sandbox sent more than ${most} bytes of ${what}`)
      chunks.push(chunk)
    },
    bytes: () => Buffer.concat(chunks),
  }
}
