import type { Hono } from 'hono'
import { z } from 'zod'
import { createSandboxes, type Sandboxes, type SandboxSettings } from '../../../src/core/sandboxes/sandboxes.ts'
import type { SandboxTimes } from '../../../src/core/sandboxes/services.ts'
import { defineEnvironment } from '../../../src/kit/define.ts'
import type { Database } from '../../../src/postgres/database.ts'
import { gradingOf, keepingLog, post, type TestAppOptions, testApp, toolCall } from '../app.ts'
import type { Cloud } from './cloud.ts'

/** Rollouts with a shell each; the item names its template. */
export const environment = defineEnvironment({
  task: z.object({ repository: z.string().default('') }),
  reference: z.object({}),
  state: z.object({}),
  sandboxes: { shell: { template: (task) => `template-${task.repository}` } },
})

/** Runs one command, or several that are separated by `;`. */
export const shell = environment.defineTool({
  name: 'shell',
  description: 'Runs commands.',
  effects: 'external',
  input: z.object({ command: z.string() }),
  sandboxes: ['shell'],
  async run({ input, sandboxes, signal }) {
    const outputs: string[] = []
    for (const command of input.command.split(';')) {
      const { exitCode, stdout } = await sandboxes.shell.exec(command.trim().split(' '), { signal })
      outputs.push(exitCode === 0 ? stdout : `exit ${exitCode}`)
    }
    return outputs.join('\n')
  },
})

/** Catches what a sandbox throws, as careless code does. */
export const careless = environment.defineTool({
  name: 'careless',
  description: 'Runs a command.',
  effects: 'external',
  input: z.object({ command: z.string() }),
  sandboxes: ['shell'],
  run: ({ input, sandboxes }) =>
    sandboxes.shell.exec(input.command.split(' ')).then(
      ({ stdout }) => stdout,
      () => 'nothing happened',
    ),
})

export const readFile = environment.defineTool({
  name: 'read_file',
  description: 'Reads a file.',
  effects: 'external',
  input: z.object({ path: z.string() }),
  sandboxes: ['shell'],
  run: async ({ input, sandboxes }) => new TextDecoder().decode(await sandboxes.shell.readFile(input.path)),
})

/** 1 if the file `answer` of the sandbox holds the sample. */
export const inSandbox = environment.defineGrader({
  name: 'in_sandbox',
  version: '1',
  sandboxes: ['shell'],
  async grade({ sample, sandboxes }) {
    const { stdout } = await sandboxes.shell.exec(['read', 'answer'])
    return stdout === sample.output_text ? 1 : 0
  },
})

/** A grader that looks at the sample alone. */
export const plain = environment.defineGrader({ name: 'plain', version: '1', grade: () => 0 })

/** Times that make tests short. */
export const shortTimes: SandboxTimes = {
  wait: 2,
  create: 1,
  look: 0.3,
  request: 1,
  lease: 1,
  timeToLive: 7_200,
}

/** A replica of a server whose rollouts have sandboxes. */
export interface SandboxReplica {
  readonly app: Hono
  readonly sandboxes: Sandboxes
  readonly log: ReturnType<typeof keepingLog>
}

/** Makes a replica that uses a cloud. */
export function sandboxReplica(
  database: Database,
  cloud: Pick<Cloud, 'provider'>,
  more: Partial<Omit<SandboxSettings, 'times'>> & { readonly times?: Partial<SandboxTimes> } & {
    readonly app?: TestAppOptions
  } = {},
): SandboxReplica {
  const log = keepingLog()
  const { app: appOptions, times, ...settings } = more
  const sandboxes = createSandboxes({
    sql: database.sql,
    provider: cloud.provider,
    plans: environment.sandboxes,
    installation: 'test',
    caps: { open: 100, opening: 100 },
    times: { ...shortTimes, ...times },
    log,
    stopping: new AbortController().signal,
    ...settings,
  })
  const tools = [shell, careless, readFile]
  const graders = [inSandbox, plain]
  const app = testApp(database, { tools, graders, budget: undefined, sandboxes, log, ...appOptions })
  return { app, sandboxes, log }
}

/** Calls the tool `shell`. */
export const run = ({ app }: Pick<SandboxReplica, 'app'>, rollout: string, call: string, command: string, path = '') =>
  post(app, `${path}/tools/shell`, toolCall('shell', rollout, call, { command }))

/** Grades with the grader that reads the sandbox, or another one. */
export const grade = (
  { app }: Pick<SandboxReplica, 'app'>,
  rollout: string,
  output: string,
  grader = 'in_sandbox',
  path = '',
) => post(app, `${path}/graders/${grader}`, gradingOf(rollout, output))
