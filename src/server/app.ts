import { Hono } from 'hono'
import { shareSignal } from '../base/deadline.ts'
import { shorten } from '../base/text.ts'
import { createTurns } from '../base/turns.ts'
import { createBegin } from '../core/begin.ts'
import { createCaller } from '../core/calls/calls.ts'
import { createClaimKeeper } from '../core/calls/claim-keeper.ts'
import { createEnder } from '../core/end.ts'
import { createGraderRuns } from '../core/grading/grader-runs.ts'
import { createGrading } from '../core/grading/grading.ts'
import { createRetrieve } from '../core/retrieve.ts'
import { createSessionTokens } from '../core/session-tokens.ts'
import { createSessions } from '../core/sessions.ts'
import type { Grader } from '../kit/define-grader.ts'
import { type Tool, toolDefinitions } from '../kit/define-tool.ts'
import { RequestError } from '../kit/errors.ts'
import { noJudge } from '../kit/judge.ts'
import { createLedger } from '../ledger/ledger.ts'
import { createRowScope } from '../postgres/scoped-db.ts'
import { noDatasets } from '../runtime/datasets.ts'
import { createOutbound } from '../runtime/outbound/outbound.ts'
import { agentRft, createToolCallAddress } from '../wires/agent-rft.ts'
import { createErrorAnswers, responderOf } from '../wires/error-response.ts'
import { onlyBy, pathOf } from '../wires/http.ts'
import { createKnownItems } from '../wires/known-items.ts'
import { openAiAddresses } from '../wires/openai/addresses.ts'
import type { WireDeps } from '../wires/wire.ts'
import { wires as allWires } from '../wires/wires.ts'
import type { AppDeps } from './app-deps.ts'
import { createEndHook } from './end-hook.ts'
import { serveJsonGraders } from './graders.ts'
import { healthAddresses } from './health.ts'
import { createAccess, createCallerAccess, pathWithoutRun } from './http/access.ts'
import { createAdmission } from './http/admission.ts'
import { createSegmentRouter } from './http/segment-router.ts'
import { openApi } from './openapi/openapi.ts'
import { addByName, refuseReservedNames, rolloutTimes } from './tool-rules.ts'
import { wireApp } from './wire-app.ts'

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
  const refuse = createErrorAnswers(log, now, deps.onError)
  const respond = responderOf(refuse)

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
  const items = createKnownItems()
  const answerCall = createToolCallAddress({ turns: wire.turns, items, call })
  deps.serveCalls?.({ allow: createCallerAccess(deps.authenticate), answerCall, refuse, maxBodyBytes })
  const rft = agentRft({ ...wire, items, answerCall, grade, sessions })
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
