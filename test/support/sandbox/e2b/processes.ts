import type { ChildProcess } from 'node:child_process'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { z } from 'zod'
import { frameOf, framesOf } from '../../../../src/runtime/sandbox/e2b/frames.ts'
import type { Machine, MachineUser } from './machine.ts'

const startRequest = z.object({
  process: z.object({ cmd: z.string(), args: z.array(z.string()).default([]) }),
  stdin: z.boolean().default(true),
})
const inputRequest = z.object({ process: z.object({ pid: z.number() }), input: z.object({ stdin: z.base64() }) })

/** What a sandbox's own service does, as far as commands need it: processes that outlive the request that started them. */
export interface Processes {
  start(request: IncomingMessage, response: ServerResponse): Promise<void>
  sendInput(request: IncomingMessage, response: ServerResponse): Promise<void>
}

/** Makes the service of a machine. */
export function createProcesses(machine: () => Promise<Machine>): Processes {
  const running = new Map<number, ChildProcess>()

  return {
    async start(request, response) {
      const body = await buffer(request)
      response.writeHead(200, { 'content-type': 'application/connect+json' })
      const send = (message: unknown, flags = 0) => response.write(frameOf(message, flags))
      const fail = (code: string, message: string) => response.end(frameOf({ error: { code, message } }, 2))
      const user = userOf(request)
      if (user === undefined) return void fail('unauthenticated', 'invalid username')
      let message: unknown
      for await (const frame of framesOf(once(body))) message ??= frame.message
      const { process, stdin } = startRequest.parse(message)
      const argv = [process.cmd, ...process.args]
      if (argv.some((each) => each.includes('\0'))) return void fail('invalid_argument', 'error starting process')
      const child = (await machine()).start(user, argv, stdin)
      const { pid = 0 } = child
      running.set(pid, child)
      child.stdin?.on('error', () => undefined)
      send({ event: { start: { pid } } })
      for (const name of ['stdout', 'stderr'] as const) {
        child[name]?.on('data', (chunk: Buffer) => send({ event: { data: { [name]: chunk.toString('base64') } } }))
      }
      child.once('close', (code, signal) => {
        running.delete(pid)
        // What is 0 or false is left out.
        const exit = code === null ? { exitCode: -1 } : { exited: true, ...(code !== 0 && { exitCode: code }) }
        send({ event: { end: { ...exit, status: signal === null ? `exit status ${code}` : `signal: ${signal}` } } })
        response.end(frameOf({}, 2))
      })
    },
    async sendInput(request, response) {
      const { process, input } = inputRequest.parse(JSON.parse(String(await buffer(request))))
      const stdin = running.get(process.pid)?.stdin
      const answer = (status: number, body: unknown) => {
        response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
      }
      if (stdin === undefined || stdin === null) {
        return answer(404, { code: 'not_found', message: `process with pid ${process.pid} not found` })
      }
      stdin.write(Buffer.from(input.stdin, 'base64'), (error) => {
        if (error) answer(500, { code: 'internal', message: 'error writing to stdin' })
        else answer(200, {})
      })
    },
  }
}

function userOf({ headers }: IncomingMessage): MachineUser | undefined {
  const name = Buffer.from((headers.authorization ?? '').replace('Basic ', ''), 'base64')
    .toString()
    .replace(/:$/, '')
  return name === 'root' || name === 'user' ? name : undefined
}

async function* once(body: Uint8Array): AsyncGenerator<Uint8Array> {
  yield body
}
