import { extname } from 'node:path'
import { z } from 'zod'
import { createProgram } from '../../../src/cli/program.ts'
import { runProgram } from '../../../src/cli/run-program.ts'
import { defineEnvironment } from '../../../src/kit/define.ts'
import { readVariables } from '../../../src/server/config/config.ts'

/** An environment whose rollouts hold a sandbox at another service, which their end releases. */
const environment = defineEnvironment({
  task: z.object({}),
  reference: z.object({}),
  state: z.object({}),
  settings: z.object({ SANDBOX_URL: z.url() }),
  async end({ rollout, outcome, settings }) {
    const body = JSON.stringify({ run: rollout.run, id: rollout.id, attempt: rollout.attempt, outcome })
    const { status } = await fetch(settings.SANDBOX_URL, { method: 'POST', body })
    if (status !== 200) throw new Error(`the sandbox answered ${status}`)
  },
})

const program = createProgram({
  ...readVariables(),
  environment,
  tools: [],
  graders: [],
  folder: new URL('./', import.meta.url),
  server: new URL(`./server${extname(import.meta.url)}`, import.meta.url),
  players: [],
})
await runProgram(program)
