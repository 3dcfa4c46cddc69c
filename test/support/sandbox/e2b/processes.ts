import type { ChildProcess } from 'node:child_process'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { buffer, text } from 'node:stream/consumers'
import { z } from 'zod'
import type { Machine, MachineUser } from './machine.ts'

const startRequest = z.object({
  process: z.object({ cmd: z.string(), args: z.array(z.string()).default([]) }),
  stdin: z.boolean().default(true),
})
const headBytes = 5
const trailer = 2

/** What a sandbox's own service does, as far as commands need it: processes that outlive the request that started them. */
export interface Processes {
  /** Starts a process, and streams what it prints and how it ends. */
  start(request: IncomingMessage, response: ServerResponse): Promise<void>
  /** Writes an uploaded file as root, through whatever links there are. */
  upload(request: IncomingMessage, path: string): Promise<{ readonly name: string; readonly path: string }>
}

/** Makes the service of a machine. */
export function createProcesses(machine: () => Promise<Machine>): Processes {
  return {
    async start(request, response) {
      const body = await buffer(request)
      response.writeHead(200, { 'content-type': 'application/connect+json' })
      const send = (message: unknown, flags = 0) => response.write(frameOf(message, flags))
      const fail = (code: string, message: string) => response.end(frameOf({ error: { code, message } }, trailer))
      const user = userOf(request)
      if (user === undefined) return void fail('unauthenticated', 'invalid username')
      const { process, stdin } = startRequest.parse(JSON.parse(body.toString('utf8', headBytes)))
      const argv = [process.cmd, ...process.args]
      if (argv.some((each) => each.includes('\0'))) return void fail('invalid_argument', 'error starting process')
      const child = (await machine()).start(user, argv, stdin)
      const { pid = 0 } = child
      killLater(child, request.headers['connect-timeout-ms'])
      send({ event: { start: { pid } } })
      for (const name of ['stdout', 'stderr'] as const) {
        child[name]?.on('data', (chunk: Buffer) => send({ event: { data: { [name]: chunk.toString('base64') } } }))
      }
      child.once('close', (code, signal) => {
        // What is 0 or false is left out.
        const exit = code === null ? { exitCode: -1 } : { exited: true, ...(code !== 0 && { exitCode: code }) }
        send({ event: { end: { ...exit, status: signal === null ? `exit status ${code}` : `signal: ${signal}` } } })
        response.end(frameOf({}, trailer))
      })
    },
    async upload(request, path) {
      const content = await uploadedFile(request)
      const child = (await machine()).start(
        'root',
        ['sh', '-c', 'mkdir -p "$(dirname "$1")" && cat > "$1"', 'sh', path],
        true,
      )
      if (child.stderr === null) throw new Error('the process has no output')
      child.stdin?.end(content)
      const problem = await text(child.stderr)
      if (problem !== '') throw new Error(problem)
      return { name: path.slice(path.lastIndexOf('/') + 1), path }
    },
  }
}

/** A message of a stream of the Connect protocol: a byte of flags, its length in four bytes, and JSON. */
function frameOf(message: unknown, flags = 0): Uint8Array {
  const json = Buffer.from(JSON.stringify(message))
  const head = Buffer.alloc(headBytes)
  head.writeUInt8(flags, 0)
  head.writeUInt32BE(json.length, 1)
  return Buffer.concat([head, json])
}

/** A process whose request names a time limit is killed then, whether or not the request still runs. */
function killLater(child: ChildProcess, milliseconds: string | string[] | undefined): void {
  if (milliseconds === undefined) return
  const timer = setTimeout(() => child.kill('SIGKILL'), Number(milliseconds))
  child.once('close', () => clearTimeout(timer))
}

async function uploadedFile(request: IncomingMessage): Promise<Buffer> {
  const headers = { 'content-type': request.headers['content-type'] ?? '' }
  const form = await new Response(new Uint8Array(await buffer(request)), { headers }).formData()
  const file = form.get('file')
  if (file === null || typeof file === 'string') throw new Error('the upload has no file')
  return Buffer.from(await file.arrayBuffer())
}

function userOf({ headers }: IncomingMessage): MachineUser | undefined {
  const name = Buffer.from((headers.authorization ?? '').replace('Basic ', ''), 'base64')
    .toString()
    .replace(/:$/, '')
  return name === 'root' || name === 'user' ? name : undefined
}
