import type { Log } from '../base/log.ts'
import { version } from '../base/version.ts'
import type { DashboardDeps } from '../dashboard/dashboard.tsx'
import type { Environment } from '../kit/define.ts'
import type { Grader } from '../kit/define-grader.ts'
import type { Tool } from '../kit/define-tool.ts'
import type { Redact } from '../kit/environment.ts'
import type { Hooks } from '../kit/hooks.ts'
import { noJudge } from '../kit/judge.ts'
import type { Submit } from '../kit/submit.ts'
import type { Database } from '../postgres/database.ts'
import { isMigrated } from '../postgres/migrate.ts'
import type { ServerDatabase } from '../postgres/open-database.ts'
import type { Datasets } from '../runtime/datasets.ts'
import { createEmbed } from '../runtime/embeddings.ts'
import { createJudge } from '../runtime/judge/judge.ts'
import { createJudgeClient, type JudgeClient } from '../runtime/judge/judge-client.ts'
import { createModelRunners } from '../runtime/judge/model-runners.ts'
import type { JsonGrader } from '../runtime/openai-graders/json-grader.ts'
import { readAllowedAddresses } from '../runtime/outbound/addresses.ts'
import { createOutbound } from '../runtime/outbound/outbound.ts'
import { createPythonRunner } from '../runtime/python/python-runner.ts'
import { createApp } from './app.ts'
import type { AppDeps } from './app-deps.ts'
import { createAuthenticator } from './auth/authenticate.ts'
import type { Config } from './config/config.ts'
import { createGradeAgain } from './grade-again.ts'
import type { ServeSettings } from './http/serve.ts'
import type { ChosenWires } from './http/wire-ports.ts'

/** What {@link assembleServer} needs. */
export interface AssemblySettings {
  readonly config: Config
  readonly log: Log
  /** Removes the values of secret settings from a text; undefined without secret settings. */
  readonly redact: ((text: string) => string) | undefined
  readonly database: Pick<Database, 'sql' | 'db'> & Partial<Pick<ServerDatabase, 'rolloutTables'>>
  readonly tools: readonly Tool[]
  readonly graders: readonly Grader[]
  readonly jsonGraders: readonly JsonGrader[]
  readonly budget: number | undefined
  readonly hooks?: Hooks | undefined
  readonly redaction?: Redact | undefined
  /** Parses an item as the environment does; by default every item fits. */
  readonly readItem?: Environment<unknown, unknown, unknown>['readItem'] | undefined
  readonly submit?: Submit | undefined
  readonly datasets?: Datasets | undefined
  /** The sandboxes of rollouts; default: none. */
  readonly sandboxes?: AppDeps['sandboxes']
  readonly chosen: ChosenWires
  /** What is told of calls, gradings and errors, and the address of the metrics. */
  readonly observing?: Pick<AppDeps, 'observer' | 'onError' | 'onBatch' | 'makeMetrics'> | undefined
  /** Makes the pages of the dashboard from the function that grades again; default: no pages. */
  readonly pagesWith?: ((gradeAgain: DashboardDeps['gradeAgain']) => AppDeps['makePages']) | undefined
}

/** A server's app, before it is connected to its process. */
export interface Assembly {
  readonly makeApp: ServeSettings['makeApp']
  /** Asks judging models; undefined where none is configured. */
  readonly judgeClient: JudgeClient | undefined
}

/** Creates the app and its dependencies from the settings. */
export function assembleServer(settings: AssemblySettings): Assembly {
  const { config, log, redact, database, tools, graders, jsonGraders, budget, hooks, redaction, readItem, chosen } =
    settings
  const { limits, publicUrl } = config
  const judgeClient = config.judge && createJudgeClient(config.judge)
  const warn = (message: string) => log.warn({ code: 'jwks_unreachable' }, message)
  const authenticate = createAuthenticator(config.auth, { warn })
  const outbound = createOutbound({
    allowed: readAllowedAddresses(config.allowedAddresses),
    seconds: limits.graderSeconds,
    maxBytes: limits.maxBodyBytes,
  })
  const embed = config.embeddings && createEmbed(config.embeddings)
  const judge = judgeClient && createJudge(judgeClient)
  const runners = {
    ...(judgeClient && createModelRunners(judgeClient)),
    ...(config.pythonGraders && { python: createPythonRunner({ concurrency: config.pythonConcurrency }) }),
  }
  const gradeAgain = createGradeAgain({
    sql: database.sql,
    db: database.db,
    rolloutTables: database.rolloutTables ?? [],
    graders,
    embed,
    judge: judge ?? noJudge,
    graderSeconds: limits.graderSeconds,
  })
  return {
    judgeClient,
    makeApp: (life) =>
      createApp({
        ...life,
        ...settings.observing,
        database,
        tools,
        graders,
        budget,
        hooks,
        redaction,
        readItem,
        submit: settings.submit,
        datasets: settings.datasets,
        sandboxes: settings.sandboxes,
        rolloutTables: database.rolloutTables,
        authenticate,
        log,
        redact,
        limits,
        version,
        isMigrated: () => isMigrated(database.sql),
        embed,
        judge,
        jsonGraders,
        runners,
        outbound,
        publicUrl,
        wires: chosen.wires,
        wirePorts: chosen.ports,
        makePages: settings.pagesWith?.(gradeAgain),
      }),
  }
}
