import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { PreflightSettings } from '../../../../src/workbench/preflight/settings.ts'
import { useDatabase } from '../../../support/database.ts'
import {
  bodyOf,
  changedAnswer,
  changedRequest,
  checked,
  type Fault,
  key,
  serveWith,
  settingsFor,
  writeDataset,
} from '../../../support/preflight/checked-server.ts'

const database = useDatabase()
let files: ReturnType<typeof writeDataset>

beforeAll(async () => {
  files = writeDataset()
})
afterAll(async () => {
  await files.remove()
})

const isTool = (request: Request) => request.method === 'POST' && new URL(request.url).pathname.startsWith('/tools')
const isGrading = (request: Request) => new URL(request.url).pathname === '/grade'

/** Changes the answers of tools. */
const toolsAnswer =
  (change: (body: Record<string, unknown>, call: Record<string, unknown>) => unknown): Fault =>
  async (request, next) => {
    if (!isTool(request)) return next(request)
    const call = await bodyOf(request)
    return changedAnswer(await next(request), (answer) => change(answer, call))
  }

/** Changes the scores. */
const scores =
  (change: (score: number, text: string) => unknown): Fault =>
  async (request, next) => {
    if (!isGrading(request)) return next(request)
    const text = JSON.stringify((await bodyOf(request))['sample'])
    return changedAnswer(await next(request), ({ score }) => change(Number(score), text))
  }

const page = '<!DOCTYPE html><html><body>Bad gateway</body></html>'
const withKey = (request: Request) => {
  const headers = new Headers(request.headers)
  headers.set('authorization', `Bearer ${key}`)
  return new Request(request, { headers })
}

/** A server with a concurrency limit. It answers slowly under load, so that concurrent requests overlap. */
const busyAbove = (most: number, fault: Fault): Fault => {
  let running = 0
  return async (request, next, socket) => {
    running += 1
    try {
      if (running > most / 4) await sleep(400)
      return await (running > most ? fault(request, next, socket) : next(request))
    } finally {
      running -= 1
    }
  }
}

interface Case {
  readonly fault?: Fault
  readonly budget?: number
  /** The load that reveals the fault, if it takes one. */
  readonly load?: PreflightSettings['load']
  readonly fails: readonly string[]
  readonly says: string
}

const load = { rate: 20, seconds: 1, isGraded: true, burst: 80, maxP99: 10, maxBurstP99: 60, maxErrors: 0.001 }
const quiet = { ...load, seconds: 0, burst: 0 }

/** The arguments of the first call of each rollout and call id. */
const firstArguments = new Map<string, unknown>()

/** The arguments of a call, and those of the first call with its rollout and call id. */
async function argumentsOf(request: Request) {
  const { trace_id, call_id, arguments: latest } = await bodyOf(request)
  const key = `${trace_id} ${call_id}`
  const first = firstArguments.get(key) ?? latest
  firstArguments.set(key, first)
  return { first, latest }
}

const cases: Readonly<Record<string, Case>> = {
  'answers with another call_id': {
    fault: toolsAnswer((answer) => ({ ...answer, call_id: 'call_0' })),
    fails: ['contract'],
    says: 'look answers with the call_id "call_0" instead of that of the call',
  },
  'answers with another id': {
    fault: toolsAnswer((answer) => ({ ...answer, id: 7 })),
    fails: ['contract'],
    says: 'look answers with the id 7',
  },
  'answers with an output that is not a string': {
    fault: toolsAnswer((answer, { arguments: args }) =>
      String(args).startsWith('{"word":"What') ? { ...answer, output: { text: answer['output'] } } : answer,
    ),
    fails: ['contract', 'budget'],
    says: 'look answers with an output that is not a string',
  },
  'ignores the key': {
    fault: (request, next) => next(withKey(request)),
    fails: ['wrong token', 'no token'],
    says: 'with a wrong key a tool answers 200, as with the right one',
  },
  'checks the key for tools only': {
    fault: (request, next) => next(isGrading(request) ? withKey(request) : request),
    fails: ['wrong token', 'no token'],
    says: 'with a wrong key the grader answers 200',
  },
  'fails when the key is wrong': {
    fault: async (request, next) => {
      const response = await next(request)
      return response.status === 401 ? new Response('oops', { status: 500 }) : response
    },
    fails: ['wrong token', 'no token'],
    says: 'a trainer tries again, then discards the rollout',
  },
  'runs a retried call again': {
    fault: async (request, next) => {
      if (!isTool(request)) return next(request)
      const { call_id, id } = await bodyOf(request)
      const asNew = await changedRequest(request, (body) => ({ ...body, call_id: `call_${randomUUID()}` }))
      return changedAnswer(await next(asNew), (answer) => ({ ...answer, call_id, id }))
    },
    fails: ['retries'],
    says: 'look, sent again after its answer, is not marked as a replay (and 1 more): it may have run twice',
  },
  'takes a call id that is used again for a retry': {
    fault: async (request, next) => {
      if (!isTool(request)) return next(request)
      const { first } = await argumentsOf(request)
      return next(await changedRequest(request, (body) => ({ ...body, arguments: first })))
    },
    fails: ['call ids'],
    says: 'a call_id that is used again in a rollout with other arguments gets the answer of the first call',
  },
  'refuses a call id that is used again': {
    fault: async (request, next) => {
      if (!isTool(request)) return next(request)
      const { first, latest } = await argumentsOf(request)
      return first === latest ? next(request) : new Response('used already', { status: 409 })
    },
    fails: ['call ids'],
    says: 'is answered with 409',
  },
  'answers a retried call differently': {
    fault: toolsAnswer((answer) =>
      `${answer['output']}`.startsWith('There is one page') ? { ...answer, output: randomUUID() } : answer,
    ),
    fails: ['retries'],
    says: 'look, sent again after its answer, gets another answer',
  },
  'admits an eleventh call': { budget: 11, fails: ['budget'], says: '11 were admitted; the budget is 10' },
  'answers bad arguments with a server error': {
    fault: async (request, next) => {
      const response = await next(request)
      if (!isTool(request) || response.status !== 200) return response
      const text = await response.clone().text()
      return text.includes('one page about') ? response : new Response('Internal Server Error', { status: 500 })
    },
    // The budget's refusal is affected in the same way.
    fails: ['bad arguments', 'budget'],
    says: 'look, called with arguments that are not JSON, answers 500: a trainer tries again',
  },
  'answers 200 with an error page': {
    fault: async (request, next) => {
      const response = await next(request)
      if (!isTool(request) || response.status !== 200) return response
      return new Response(page, { headers: { 'content-type': 'text/html' } })
    },
    fails: ['contract', 'bad arguments', 'retries', 'budget'],
    says: 'look answers 200 with a page of HTML, which the model would read',
  },
  'leaks the reference to tools': {
    fault: toolsAnswer((answer, { item }) => ({ ...answer, output: `${answer['output']} ${JSON.stringify(item)}` })),
    // The same call with another item has a different output.
    fails: ['reference'],
    says: 'look shows the model the content of the reference',
  },
  'returns the score as a string': {
    fault: scores((score) => ({ score: `${score}` })),
    fails: ['score'],
    says: 'gives the score "1", which is not a number',
  },
  'gives NaN': {
    fault: scores((score) => (score === 1 ? { score } : '{ "score": NaN }')),
    fails: ['score'],
    says: 'for an empty answer it answers 200 without a score that can be read',
  },
  'returns a score above the range': {
    fault: scores((score) => ({ score: score * 5 })),
    fails: ['score'],
    says: 'gives the score 5, which is not from 0 to 1',
  },
  'cannot grade an empty answer': {
    fault: async (request, next) =>
      isGrading(request) && JSON.stringify(await bodyOf(request)).includes('"output_text":""')
        ? new Response('no answer', { status: 500 })
        : next(request),
    // The load and the attempts with a wrong key use empty answers too.
    load,
    fails: ['wrong token', 'no token', 'score', 'steady rate', 'burst'],
    says: 'the grader answers 500',
  },
  'grades randomly': {
    fault: scores((score) => ({ score: score * 0.9 + Math.random() * 0.1 })),
    fails: ['same score'],
    says: 'the same rollout earns',
  },
  'rewards answers without content': {
    fault: scores((_, text) => ({ score: text.length > 5_000 ? 1 : 0 })),
    fails: ['empty answers'],
    says: 'a wall of text earns most: 1.00 of the range',
  },
  'refuses bodies of 1 MB': {
    fault: async (request, next) =>
      Number(request.headers.get('content-length')) > 500_000
        ? new Response('too large', { status: 413 })
        : next(request),
    fails: ['1 MB'],
    says: 'a call of 1 MB is answered with 413',
  },
  'fails on bodies of more than 1 MB': {
    fault: async (request, next) =>
      Number(request.headers.get('content-length')) > 1_100_000 ? new Response('oops', { status: 502 }) : next(request),
    fails: ['2 MB'],
    says: 'a call of 2 MB is answered with 502',
  },
  'has a wrong clock': {
    fault: async (request, next) => {
      const response = await next(request)
      response.headers.set('date', new Date(Date.now() - 3_600_000).toUTCString())
      return response
    },
    fails: ['clock'],
    says: 's apart',
  },
  'defines a tool differently from the dataset': {
    fault: async (request, next) => {
      const response = await next(request)
      if (request.method !== 'GET' || !request.url.endsWith('/tools')) return response
      return new Response((await response.text()).replace('Looks something up.', 'Looks it up.'))
    },
    fails: ['dataset: tools'],
    says: "the description of look differs from the server's",
  },
  'lacks a tool that the dataset names': {
    fault: async (request, next) =>
      isTool(request) && request.headers.get('authorization') === `Bearer ${key}`
        ? new Response('?', { status: 404 })
        : next(request),
    fails: ['contract', 'retries', 'budget', '1 MB'],
    says: 'look does not exist: 404',
  },
  'is slow': {
    fault: async (request, next) => {
      if (isTool(request)) await sleep(400)
      return next(request)
    },
    load: { ...load, maxP99: 0.3, burst: 0 },
    fails: ['steady rate'],
    says: '(at most 0.3 s)',
  },
  'drops connections under a burst': {
    fault: busyAbove(60, async (_request, _next, socket) => {
      socket.destroy()
      return new Response()
    }),
    load,
    fails: ['burst'],
    says: 'no answer (',
  },
  'refuses under a burst': {
    fault: busyAbove(60, async () => new Response('slow down', { status: 429 })),
    load,
    fails: ['burst'],
    says: '× 429',
  },
}

describe('preflight', () => {
  it('finds no problem with a correct server and dataset', async () => {
    const server = await serveWith(database)
    const { verdicts, told, of } = await checked(settingsFor(server, files))
    await server.close()
    expect([of('fail'), of('warn'), of('skip')]).toEqual([[], [], ['baseline']])
    expect(verdicts.map(({ check }) => check)).toHaveLength(35)
    expect(told).toEqual(verdicts)
  })

  it('only warns about a server that closes the connection on a body of more than 1 MB', async () => {
    const server = await serveWith(database, async (request, next, socket) => {
      if (Number(request.headers.get('content-length')) < 1_100_000) return next(request)
      socket.destroy()
      return new Response()
    })
    const { of } = await checked(settingsFor(server, files, { load: quiet }))
    await server.close()
    expect([of('fail'), of('warn')]).toEqual([[], ['2 MB']])
  })

  it.each(Object.entries(cases))(
    'reports a server that %s, and no other problem',
    async (_, { fault, budget, load: pressed = quiet, fails, says }) => {
      const server = await serveWith(database, fault, budget)
      const { verdicts, of } = await checked(settingsFor(server, files, { load: pressed }))
      await server.close()
      expect(of('fail'), JSON.stringify(verdicts.slice(-5))).toEqual(fails)
      const [first] = verdicts.filter(({ outcome }) => outcome === 'fail')
      expect(first?.why).toContain(says)
      expect(first?.advice).toBeTruthy()
    },
    60_000,
  )
})
