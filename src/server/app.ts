import { Hono } from 'hono'
import { shareSignal } from '../base/deadline.ts'
import type { Limits } from '../base/limits.ts'
import type { Log } from '../base/log.ts'
import { shorten } from '../base/text.ts'
import { createTurns } from '../base/turns.ts'
import { createBegin } from '../core/begin.ts'
import { createCaller } from '../core/calls.ts'
import { createClaimKeeper } from '../core/claim-keeper.ts'
import { createEnder } from '../core/end.ts'
import { createGraderRuns } from '../core/grader-runs.ts'
import { createGrading } from '../core/grading.ts'
import type { Observer } from '../core/observer.ts'
import { createRetrieve } from '../core/retrieve.ts'
import type { Sandboxes } from '../core/sandboxes/sandboxes.ts'
import { createSessionTokens } from '../core/session-tokens.ts'
import { createSessions } from '../core/sessions.ts'
import type { Environment } from '../kit/define.ts'
import type { Grader } from '../kit/define-grader.ts'
import { type Tool, toolDefinitions } from '../kit/define-tool.ts'
import type { Embed, Redact } from '../kit/environment.ts'
import { RequestError } from '../kit/errors.ts'
import type { Hooks } from '../kit/hooks.ts'
import { type Judge, noJudge } from '../kit/judge.ts'
import type { Submit } from '../kit/submit.ts'
import { createLedger } from '../ledger/ledger.ts'
import type { Database } from '../postgres/database.ts'
import type { RolloutTable } from '../postgres/roles.ts'
import { createRowScope } from '../postgres/scoped-db.ts'
import { type Datasets, noDatasets } from '../runtime/datasets.ts'
import type { JsonGrader } from '../runtime/openai-graders/json-grader.ts'
import { createOutbound, type Outbound } from '../runtime/outbound/outbound.ts'
import type { RunnersSettings } from '../runtime/runners.ts'
import { agentRft } from '../wires/agent-rft.ts'
import { createErrorResponder, type ErrorResponder } from '../wires/error-response.ts'
import { onlyBy, pathOf } from '../wires/http.ts'
import { createKnownItems } from '../wires/known-items.ts'
import { openAiAddresses } from '../wires/openai/addresses.ts'
import type { Wire, WireDeps } from '../wires/wire.ts'
import { wires as allWires } from '../wires/wires.ts'
import { createAccess, pathWithoutRun } from './access.ts'
import { type Admission, createAdmission } from './admission.ts'
import type { Principal } from './auth/principal.ts'
import type { DashboardLife } from './dashboard.ts'
import { createEndHook } from './end-hook.ts'
import { serveJsonGraders } from './graders.ts'
import { healthAddresses } from './health.ts'
import { openApi } from './openapi.ts'
import { createSegmentRouter } from './segment-router.ts'
import { addByName, refuseReservedNames, rolloutTimes } from './tool-rules.ts'
import { wireApp } from './wire-app.ts'
import type { WirePort } from './wire-ports.ts'

/** What {@link createApp} needs. */
export interface AppDeps {
  readonly database: Pick<Database, 'sql' | 'db'>
  readonly tools: readonly Tool[]
  /** The first is the default grader. */
  readonly graders: readonly Grader[]
  /** The most tool calls a rollout may make; `undefined` for no limit. */
  readonly budget: number | undefined
  /** Identifies the caller, or throws an `AuthError`. */
  readonly authenticate: (headers: Headers) => Promise<Principal>
  readonly log: Log
  /** Removes the values of secret settings from a text that is recorded; by default nothing. */
  readonly redact?: ((text: string) => string) | undefined
  /** The environment's hooks, and what it stores in place of items, arguments and outputs; by default none. */
  readonly hooks?: Hooks | undefined
  readonly redaction?: Redact | undefined
  /** Parses an item as the environment does; by default every item fits. */
  readonly readItem?: Environment<unknown, unknown, unknown>['readItem'] | undefined
  /** The sandboxes of rollouts; by default there are none. */
  readonly sandboxes?: Sandboxes | undefined
  /** What a model calls to finish; by default nothing is declared. */
  readonly submit?: Submit | undefined
  /** The datasets for wires that name an item by its index; by default none. */
  readonly datasets?: Datasets | undefined
  /** The wires beside Agent RFT that are on; by default all. */
  readonly wires?: readonly Wire[]
  /** The ports on which wires are served without a prefix; by default none. */
  readonly wirePorts?: readonly WirePort[]
  /** The tables of which each rollout has rows of its own; by default none. */
  readonly rolloutTables?: readonly RolloutTable[] | undefined
  readonly limits: Limits
  /** The version of the server, for its description. */
  readonly version: string
  /** Whether the database has all migrations; throws when it is unavailable. */
  readonly isMigrated: () => Promise<boolean>
  readonly embed?: Embed | undefined
  /** Answers graders' questions; without it a grader that asks one makes its rollout ungradable. */
  readonly judge?: Judge | undefined
  /** Graders that are files in OpenAI's JSON format; they come after the others. */
  readonly jsonGraders?: readonly JsonGrader[]
  /** Runs the judging models and Python of graders in OpenAI's format. */
  readonly runners?: RunnersSettings['more']
  /** Sends requests to addresses that callers and graders name; by default all are refused. */
  readonly outbound?: Outbound | undefined
  /** The address at which others reach this server. */
  readonly publicUrl?: string | undefined
  /** Is told of each call and each grading. */
  readonly observer?: Observer | undefined
  /** Is told of every error that is answered. */
  readonly onError?: ((error: RequestError) => void) | undefined
  /** Is told of each statement that records calls how many it records. */
  readonly onBatch?: ((calls: number) => void) | undefined
  /** Makes the address `/metrics`; by default there is none. */
  readonly makeMetrics?: ((respond: ErrorResponder) => Hono) | undefined
  /** Makes the pages of the dashboard; by default there are none. */
  readonly makePages?: ((life: DashboardLife) => Hono) | undefined
  /** Returns milliseconds since 1970; by default the real clock. */
  readonly now?: () => number
  /** Aborted when a stopping server has no more time for running requests. */
  readonly stopping?: AbortSignal
  /** Whether the server is about to stop, so that no new requests should be sent to it. */
  readonly isDraining?: () => boolean
  /** Counts the requests in flight; by default a new one. */
  readonly admission?: Admission
  /** Registers work to do at the end, after all requests. */
  readonly atEnd?: (work: () => Promise<void>) => void
  /** Registers the app of a port of `wirePorts`. */
  readonly servePort?: (port: WirePort, app: Hono) => void
}

/**
 * Creates the server as a value: `Request → Response`, without a socket.
 *
 * @throws Error if two tools or two graders have the same name, or a tool has that of `submit` or one that a wire needs.
 *
 * @example await createApp(deps).request('/tools/cat', { method: 'POST', body })
 */
export function createApp(deps: AppDeps): Hono {
  const {
    database,
    log,
    limits,
    embed,
    now = Date.now,
    redact = (text) => text,
    stopping = new AbortController().signal,
  } = deps
  const { isDraining = () => false, admission = createAdmission(limits, log) } = deps
  const stop = shareSignal(stopping)
  const { publicUrl, jsonGraders = [], outbound = createOutbound({ allowed: [], seconds: 1, maxBytes: 1 }) } = deps
  const { maxBodyBytes, maxOutputBytes, toolSeconds, graderSeconds, answerSeconds, waitSeconds, holdSeconds } = limits
  const tools = new Map<string, Tool>()
  addByName('tool', tools, deps.tools)
  const graders = new Map<string, Grader>()
  addByName('grader', graders, deps.graders)
  const budget = deps.budget === undefined ? undefined : { calls: deps.budget, refusal: budgetRefusal(deps.budget) }
  const { rolloutTables = [], wires = allWires, wirePorts = [] } = deps
  for (const wire of [...wires, ...wirePorts.map((port) => port.wire)]) refuseReservedNames(wire, deps.tools)
  if (deps.submit !== undefined && tools.has(deps.submit.name)) {
    throw new Error(`a tool has the name "${deps.submit.name}" of the environment's submit; rename one of them`)
  }
  const times = rolloutTimes(limits, deps.tools)
  const ledger = createLedger({ ...database, budget, now, tables: rolloutTables, onBatch: deps.onBatch, ...times })
  const claims = createClaimKeeper(ledger, log, limits.leaseSeconds)
  const rows = createRowScope(database.db, rolloutTables)
  const hook = deps.hooks?.begin
  const beginAttempt = createBegin({ ledger, hook, rows, seconds: toolSeconds, stopping: stop })
  const { redaction, sandboxes, observer } = deps
  const begin = (hook || rows || sandboxes) && beginAttempt
  const isReleased = deps.hooks?.end !== undefined || rows !== undefined || sandboxes !== undefined
  const recorded = { recordedItem: redaction?.item, recordedArguments: redaction?.arguments }
  const shared = {
    ledger,
    db: database.db,
    rows,
    begin,
    sandboxes,
    embed,
    log,
    answerSeconds,
    stopping: stop,
    ...recorded,
  }
  const caller = createCaller({
    ...shared,
    recordedOutput: redaction?.output,
    redact,
    tools,
    budget,
    claims,
    maxOutputBytes,
    toolSeconds,
    holdSeconds,
    observer,
  })
  const { call, isBusy } = caller
  deps.atEnd?.(caller.handIn)
  deps.atEnd?.(ledger.replays.flush)
  const judge = deps.judge ?? noJudge
  const { grade } = createGrading({
    ...shared,
    isReleased,
    graders,
    judge,
    isBusy,
    graderSeconds,
    waitSeconds,
    observer,
  })
  const json = serveJsonGraders({
    jsonGraders,
    more: deps.runners,
    outbound,
    embed,
    log,
    publicUrl,
    graderSeconds,
    grade,
  })
  addByName('grader', graders, json.graders)
  const { runners } = json
  const runs = createGraderRuns({ ledger, isBusy, runners, stopping: stop, graderSeconds, answerSeconds, waitSeconds })
  const respond = createErrorResponder(log, now, deps.onError)

  const allow = createAccess(deps.authenticate)

  // Each address may follow /runs/{run}.
  const app = new Hono({ getPath: pathWithoutRun, router: createSegmentRouter() })
  app.onError((error, c) => respond(c, error))
  app.notFound((c) => {
    const message = `${c.req.method} ${shorten(pathOf(c), 200)} is not an address of this server; GET /openapi.json lists them`
    return respond(c, new RequestError(404, 'not_found', message))
  })

  const { isMigrated } = deps
  const health = healthAddresses({ isDraining, admission, isMigrated, respond })
  app.route('/', health)
  app.get('/tools', async (c) => {
    await allow(c.req.raw, 'tools', 'read')
    return c.json(toolDefinitions(deps.tools))
  })
  app.get('/openapi.json', async (c) => {
    await allow(c.req.raw, 'tools', 'grade', 'read')
    const hasMetrics = deps.makeMetrics !== undefined
    const { version } = deps
    return c.json(openApi({ tools: deps.tools, graders: [...graders.values()], wires, hasMetrics, version }))
  })
  // Not `all`, with which Hono would no longer answer a GET synchronously.
  app.on(['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'], ['/openapi.json'], onlyBy('GET, HEAD'))
  // What a load balancer asks, and OPTIONS *.
  app.options('/', onlyBy('GET, HEAD, POST'))

  const wire = { allow, respond, maxBodyBytes, turns: createTurns() }
  const endHook = createEndHook({ hooks: deps.hooks, database: { db: database.db, rolloutTables } })
  const ender = createEnder({
    ledger,
    log,
    hook: endHook,
    hasRows: rolloutTables.length > 0,
    closeSandboxes: sandboxes?.end,
    waitSeconds,
    leaseSeconds: limits.leaseSeconds,
    stopping,
  })
  const { readItem = (item) => ({ fits: true, task: item, reference: item }) } = deps
  const sessions = createSessions({
    ledger,
    begin: beginAttempt,
    ender,
    readItem,
    recordedItem: redaction?.item,
    answerSeconds,
    stopping: stop,
  })
  const rft = agentRft({ ...wire, items: createKnownItems(), call, grade, sessions })
  app.route('/', rft)
  app.route('/agent-rft', rft)
  app.route('/', openAiAddresses({ ...wire, runs, call, outbound, publicUrl }))
  const search = deps.hooks?.retrieve
  const wireDeps: WireDeps = {
    ...wire,
    call,
    grade,
    retrieve: search && createRetrieve({ hook: search, db: database.db, embed, seconds: toolSeconds, stopping: stop }),
    sessions,
    tokens: createSessionTokens(ledger),
    tools: deps.tools,
    graders: [...graders.values()],
    budget: deps.budget,
    readItem,
    submit: deps.submit,
    datasets: deps.datasets ?? noDatasets,
    hold: admission.hold,
    log,
    publicUrl,
    version: deps.version,
  }
  for (const each of wires) app.route(each.prefix, each.create(wireDeps))
  for (const more of [deps.makePages?.({ admission, isDraining }), deps.makeMetrics?.(respond)])
    if (more !== undefined) app.route('/', more)
  for (const port of wirePorts)
    deps.servePort?.(port, wireApp({ port, deps: wireDeps, authenticate: deps.authenticate, health }))
  return app
}

function budgetRefusal(calls: number): string {
  return `the budget of ${calls} tool calls is used up; this call was not made. Answer now with what you have.`
}
