import type { Hono } from 'hono'
import { z } from 'zod'
import { defaultLimits, type Limits } from '../../src/base/limits.ts'
import type { Log } from '../../src/base/log.ts'
import { defineEnvironment } from '../../src/kit/define.ts'
import type { Grader } from '../../src/kit/define-grader.ts'
import type { Tool, ToolOutput } from '../../src/kit/define-tool.ts'
import type { Judge } from '../../src/kit/judge.ts'
import type { ToolContext } from '../../src/kit/tool-context.ts'
import { type Database, openDatabase } from '../../src/postgres/database.ts'
import { isMigrated } from '../../src/postgres/migrate.ts'
import { createApp } from '../../src/server/app.ts'
import type { AppDeps } from '../../src/server/app-deps.ts'
import { anonymous } from '../../src/server/auth/principal.ts'
import { type Admission, admitting, createAdmission } from '../../src/server/http/admission.ts'

/** An environment for tests: one question with one answer, a state that holds notes, and room for ten calls. */
export const environment = defineEnvironment({
  task: z.object({ question: z.string().default('') }),
  reference: z.object({ answer: z.string().default('') }),
  state: z.object({ notes: z.array(z.string()).default([]) }),
  budget: { calls: 10 },
})

export const { defineTool, defineGrader } = environment

/** A tool that does the same whatever its effects are. */
interface SameWork<Input extends z.ZodObject> {
  readonly name: string
  readonly description: string
  readonly input: Input
  readonly timeoutSeconds?: number
  run(context: ToolContext<z.output<Input>, unknown, unknown>): ToolOutput | Promise<ToolOutput>
}

/** Defines a tool with these effects, for tests of a promise that holds for all kinds. */
export function toolWith<Input extends z.ZodObject>(effects: Tool['effects'], work: SameWork<Input>): Tool {
  switch (effects) {
    case 'none':
      return defineTool({ ...work, effects })
    case 'database':
      return defineTool({ ...work, effects })
    case 'external':
      return defineTool({ ...work, effects })
  }
}

/** One line of the log. */
export interface LogLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error'
  readonly message: string
  readonly facts: Readonly<Record<string, unknown>>
}

/** A log that records its lines. */
export function keepingLog(): Log & { readonly lines: LogLine[] } {
  const lines: LogLine[] = []
  const at = (level: LogLine['level']) => (facts: Readonly<Record<string, unknown>>, message: string) =>
    void lines.push({ level, message, facts })
  return { lines, debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}

/** The parts of a test's app; all have defaults. */
export interface TestAppOptions {
  readonly tools?: readonly Tool[]
  readonly graders?: readonly Grader[]
  readonly budget?: number | undefined
  readonly limits?: Partial<Limits>
  readonly log?: Log
  readonly redact?: (text: string) => string
  readonly stopping?: AbortSignal
  readonly atEnd?: AppDeps['atEnd']
  readonly admission?: Admission
  readonly judge?: Judge
  readonly authenticate?: AppDeps['authenticate']
  readonly now?: () => number
  readonly jsonGraders?: AppDeps['jsonGraders']
  readonly runners?: AppDeps['runners']
  readonly outbound?: AppDeps['outbound']
  readonly publicUrl?: string
  readonly observer?: AppDeps['observer']
  readonly onError?: AppDeps['onError']
  readonly onBatch?: AppDeps['onBatch']
  readonly makeMetrics?: AppDeps['makeMetrics']
  readonly wires?: AppDeps['wires']
  readonly wirePorts?: AppDeps['wirePorts']
  readonly serveCalls?: AppDeps['serveCalls']
  readonly servePort?: AppDeps['servePort']
  readonly readItem?: AppDeps['readItem']
  readonly hooks?: AppDeps['hooks']
  readonly redaction?: AppDeps['redaction']
  readonly rolloutTables?: AppDeps['rolloutTables']
  readonly submit?: AppDeps['submit']
  readonly datasets?: AppDeps['datasets']
  readonly sandboxes?: AppDeps['sandboxes']
}

/** Makes an app on a database: a replica of the server. */
export function testApp(database: Pick<Database, 'sql' | 'db'>, options: TestAppOptions = {}): Hono {
  return createApp({
    database,
    tools: options.tools ?? [],
    graders: options.graders ?? [],
    budget: 'budget' in options ? options.budget : environment.budget,
    authenticate: options.authenticate ?? (async () => anonymous),
    log: options.log ?? keepingLog(),
    redact: options.redact,
    // Tests of an unavailable database should not wait longer.
    limits: { ...defaultLimits, holdSeconds: 0.2, ...options.limits },
    version: 'test',
    isMigrated: () => isMigrated(database.sql),
    ...(options.stopping && { stopping: options.stopping }),
    ...(options.atEnd && { atEnd: options.atEnd }),
    ...(options.now && { now: options.now }),
    ...(options.admission && { admission: options.admission }),
    jsonGraders: options.jsonGraders ?? [],
    runners: options.runners,
    outbound: options.outbound,
    hooks: options.hooks,
    redaction: options.redaction,
    rolloutTables: options.rolloutTables,
    submit: options.submit,
    datasets: options.datasets,
    sandboxes: options.sandboxes,
    publicUrl: options.publicUrl,
    observer: options.observer,
    onError: options.onError,
    onBatch: options.onBatch,
    makeMetrics: options.makeMetrics,
    readItem: options.readItem,
    ...(options.wires && { wires: options.wires }),
    ...(options.wirePorts && { wirePorts: options.wirePorts }),
    ...(options.serveCalls && { serveCalls: options.serveCalls }),
    ...(options.servePort && { servePort: options.servePort }),
    ...(options.judge && { judge: options.judge }),
  })
}

/** The way into an app through its admission, as a server has it. */
export function admittingApp(database: Pick<Database, 'sql' | 'db'>, options: TestAppOptions = {}): Hono['fetch'] {
  const { log = keepingLog() } = options
  const admission = createAdmission({ ...defaultLimits, ...options.limits }, log)
  return admitting(testApp(database, { ...options, log, admission }), admission)
}

/** Opens a test's database. */
export const open = (url: string, poolSize = 10): Database => openDatabase({ url, poolSize })

/** Posts JSON to an app and reads the answer. */
export async function post(
  app: Pick<Hono, 'request'>,
  path: string,
  body: unknown,
  headers: Record<string, string> = {},
) {
  const response = await app.request(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
  const text = await response.text()
  const answer = z
    .looseObject({
      output: z.string().optional(),
      score: z.number().optional(),
      error: z.object({ code: z.string(), message: z.string() }).optional(),
    })
    .parse(JSON.parse(text))
  return { status: response.status, headers: response.headers, body: answer, text }
}

/** The body of a tool call in the wire's shape. */
export function toolCall(name: string, rollout: string, call: string, args: unknown = {}, item: unknown = {}) {
  const id = `fc_${call}`
  return { type: 'function_call', id, call_id: call, name, arguments: JSON.stringify(args), trace_id: rollout, item }
}

/** The body of a grading in the wire's shape. */
export function gradingOf(rollout: string, output: string, item: unknown = {}) {
  return { sample: { choices: [], output_text: output, output_json: null, output_tools: [] }, item, trace_id: rollout }
}

/** Holds work at a known point until it is opened, to prove an interleaving. */
export function gate() {
  let open = () => {}
  let arrive = () => {}
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  const reached = new Promise<void>((resolve) => {
    arrive = resolve
  })
  return {
    /** Called by the work: signals that it has arrived, and waits. */
    async pass(): Promise<void> {
      arrive()
      await opened
    },
    open: () => open(),
    /** Resolves once the work has arrived. */
    reached,
  }
}
