import { mkdirSync, writeFileSync } from 'node:fs'
import type { AddressInfo, Socket } from 'node:net'
import { join } from 'node:path'
import { serve } from '@hono/node-server'
import { z } from 'zod'
import { makeSubmit } from '../../../src/kit/submit.ts'
import type { Database } from '../../../src/postgres/database.ts'
import { createAuthenticator } from '../../../src/server/auth/authenticate.ts'
import { parseApiKeys } from '../../../src/server/auth/keys.ts'
import { preflight } from '../../../src/workbench/preflight/preflight.ts'
import type { PreflightSettings } from '../../../src/workbench/preflight/settings.ts'
import type { Verdict } from '../../../src/workbench/preflight/verdict.ts'
import { defineGrader, defineTool, environment, testApp } from '../app.ts'
import { makeFolder, removeFolder } from '../temporary.ts'

/** The key that the checked server accepts. */
export const key = 'the-key-that-the-server-knows'

const look = defineTool({
  name: 'look',
  description: 'Looks something up.',
  input: z.object({ word: z.string().min(1) }),
  effects: 'none',
  run: ({ input }) => `There is one page about ${input.word}.`,
})

const submit = makeSubmit({
  name: 'submit',
  input: z.object({ answer: z.string() }),
  sample: ({ answer }) => answer,
})

/** 1 for the right answer, 0 for any other. */
const exact = defineGrader({
  name: 'exact',
  version: '1',
  grade: ({ sample, reference }) => Number(sample.output_text.trim() === reference.answer),
})

/** What a faulty server does with a request; `next` is the sound server. */
export type Fault = (
  request: Request,
  next: (request: Request) => Promise<Response>,
  socket: Socket,
) => Promise<Response>

/** A server on a socket, with the number of its requests. */
export interface CheckedServer {
  readonly url: string
  readonly requests: () => number
  close(): Promise<void>
}

/** Serves a sound server, with one fault before it. */
export async function serveWith(database: Database, fault?: Fault, budget = 10): Promise<CheckedServer> {
  const authenticate = createAuthenticator({ keys: parseApiKeys(key), keyHeaders: ['x-api-key'] })
  const app = testApp(database, { tools: [look], graders: [exact], budget, authenticate, submit })
  const next = async (request: Request) => app.fetch(request)
  let requests = 0
  return await listen(
    (request, socket) => {
      requests += 1
      return fault === undefined ? next(request) : fault(request, next, socket)
    },
    () => requests,
  )
}

/** Listens with a handler of requests. */
export function listen(
  handle: (request: Request, socket: Socket) => Promise<Response>,
  requests = () => 0,
): Promise<CheckedServer> {
  return new Promise((resolve) => {
    const fetch: Parameters<typeof serve>[0]['fetch'] = (request, { incoming }) => handle(request, incoming.socket)
    const server = serve({ fetch, port: 0, hostname: '127.0.0.1' }, ({ port }: AddressInfo) =>
      resolve({
        url: `http://127.0.0.1:${port}`,
        requests,
        close: () =>
          new Promise<void>((closed) => {
            server.close(() => closed())
            if ('closeAllConnections' in server) server.closeAllConnections()
          }),
      }),
    )
  })
}

/** A sound dataset of questions, and a validation set. */
export function writeDataset() {
  const folder = makeFolder()
  mkdirSync(folder, { recursive: true })
  const { name, description, parameters } = look
  const tools = [{ type: 'function', function: { name, description, parameters } }]
  const write = (file: string, from: number) => {
    const rows = Array.from({ length: 12 }, (_, n) => ({
      messages: [{ role: 'user', content: `What is the colour of thing number ${from + n}?` }],
      tools,
      question: `thing ${from + n}`,
      answer: `colour-${(from + n) * 7919}`,
    }))
    writeFileSync(join(folder, file), rows.map((row) => `${JSON.stringify(row)}\n`).join(''))
    return join(folder, file)
  }
  return { dataset: write('train.jsonl', 0), validation: write('dev.jsonl', 100), remove: () => removeFolder(folder) }
}

/** Settings that put little load on a server. */
export function settingsFor(
  server: Pick<CheckedServer, 'url'>,
  files: Pick<PreflightSettings, 'dataset' | 'validation'>,
  rest: Partial<PreflightSettings> = {},
): PreflightSettings {
  return {
    ...{
      url: server.url,
      runHeaders: { 'x-run': 'preflight' },
      headers: { authorization: `Bearer ${key}` },
      tools: '/tools/{name}',
      grader: '',
    },
    ...{ timeoutSeconds: 20, dataset: files.dataset, validation: files.validation, readItem: environment.readItem },
    ...{ budget: undefined, ownBudget: 10, range: [0, 1], mostForNothing: 0.25, reference: undefined, only: [] },
    ...{ calls: {}, isPublicHost: async () => false, signal: new AbortController().signal },
    load: { rate: 20, seconds: 1, isGraded: true, burst: 80, maxP99: 10, maxBurstP99: 60, maxErrors: 0.001 },
    baseline: { agents: [], items: 4, group: 2, maxSteps: 10, seed: '1' },
    ...rest,
  }
}

/** Runs the checks and returns their verdicts. */
export async function checked(settings: PreflightSettings, mayLoad = true) {
  const planned: number[] = []
  const told: Verdict[] = []
  const asked: string[] = []
  const result = await preflight(settings, {
    onVerdict: (verdict) => void told.push(verdict),
    onPlan: (requests) => void planned.push(requests),
    onLong: () => ({ add() {}, end() {} }),
    mayLoad: async (host) => {
      asked.push(host)
      return mayLoad
    },
  })
  const of = (outcome: Verdict['outcome']) =>
    result.verdicts.filter((verdict) => verdict.outcome === outcome).map(({ check }) => check)
  return { ...result, told, asked, planned: planned[0] ?? 0, of }
}

const body = z.record(z.string(), z.unknown())

/** The body of a request, read from a copy. */
export const bodyOf = async (request: Request) => body.parse(await request.clone().json())

/** The same request with another body or other headers. */
export async function changedRequest(
  request: Request,
  change: (body: Record<string, unknown>) => Record<string, unknown>,
): Promise<Request> {
  const headers = new Headers(request.headers)
  headers.delete('content-length')
  return new Request(request.url, { method: 'POST', headers, body: JSON.stringify(change(await bodyOf(request))) })
}

/** An answer with another body, where it is a 200. */
export async function changedAnswer(
  response: Response,
  change: (body: Record<string, unknown>) => unknown,
): Promise<Response> {
  if (response.status !== 200) return response
  const changed = change(body.parse(await response.json()))
  const headers = new Headers(response.headers)
  headers.delete('content-length')
  return new Response(typeof changed === 'string' ? changed : JSON.stringify(changed), { headers })
}
