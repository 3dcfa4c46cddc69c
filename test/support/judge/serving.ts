import { afterEach } from 'vitest'
import type { Judge, JudgeQuestion } from '../../../src/kit/judge.ts'
import { createJudge } from '../../../src/runtime/judge/judge.ts'
import {
  createJudgeClient,
  type JudgeClient,
  type JudgeClientOptions,
} from '../../../src/runtime/judge/judge-client.ts'
import { type Behaviour, type ModelServer, serveModel } from './model-server.ts'

/** A judge and the server that it asks. */
export interface Served {
  readonly server: ModelServer
  readonly client: JudgeClient
  readonly judge: Judge
  /** Asks the judge with a signal that never aborts. */
  readonly ask: (question?: Partial<JudgeQuestion>) => ReturnType<Judge>
}

/** Makes the function that serves a model and makes a judge for it; the servers are closed after each test. */
export function serving() {
  const servers: ModelServer[] = []
  afterEach(async () => {
    for (const each of servers.splice(0)) await each.close()
  })
  return async (behave: Behaviour, options: Partial<JudgeClientOptions> = {}): Promise<Served> => {
    const server = await serveModel(behave)
    servers.push(server)
    const settings = {
      url: server.url,
      model: 'm',
      apiKey: 'sk-secret-of-the-judge',
      models: new Map(),
      concurrency: 16,
    }
    const client = createJudgeClient({ ...settings, timeoutSeconds: 20, pauseMs: 1, ...options })
    const judge = createJudge(client)
    const ask: Served['ask'] = (question) =>
      judge({ prompt: 'Is it polite?', answer: 'Get lost.', ...question }, new AbortController().signal)
    return { server, client, judge, ask }
  }
}
