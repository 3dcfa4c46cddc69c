import type { Log } from '../../base/log.ts'
import type { RegradingServices } from '../../core/grading/regrade-one.ts'
import type { Grader } from '../../kit/define-grader.ts'
import { UngradableError } from '../../kit/errors.ts'
import { noJudge } from '../../kit/judge.ts'
import { isReleased } from '../../ledger/rollout-rows.ts'
import type { ServerDatabase } from '../../postgres/open-database.ts'
import { createRowScope } from '../../postgres/scoped-db.ts'
import { createEmbed } from '../../runtime/embeddings.ts'
import { createJudge } from '../../runtime/judge/judge.ts'
import { createJudgeClient } from '../../runtime/judge/judge-client.ts'
import { createModelRunners } from '../../runtime/judge/model-runners.ts'
import { type JsonGrader, serveJsonGrader } from '../../runtime/openai-graders/json-grader.ts'
import { readAllowedAddresses } from '../../runtime/outbound/addresses.ts'
import { createOutbound } from '../../runtime/outbound/outbound.ts'
import { createPythonRunner } from '../../runtime/python/python-runner.ts'
import { createRunners } from '../../runtime/runners.ts'
import type { Config } from '../../server/config/config.ts'

/**
 * The graders that a server with these settings serves: those written in code and those written in JSON, with the judge models,
 * addresses and Python that the settings allow.
 *
 * @param say is called with warnings, once for each code
 */
export function servedGraders(
  config: Config,
  graders: readonly Grader[],
  jsonGraders: readonly JsonGrader[],
  say: (line: string) => void,
): Grader[] {
  if (jsonGraders.length === 0) return [...graders]
  const { graderSeconds, maxBodyBytes } = config.limits
  const allowed = readAllowedAddresses(config.allowedAddresses)
  const runners = createRunners({
    embed: embedOf(config),
    log: sayingOnce(say),
    outbound: createOutbound({ allowed, seconds: graderSeconds, maxBytes: maxBodyBytes }),
    graderSeconds,
    more: {
      ...(config.judge && createModelRunners(createJudgeClient(config.judge))),
      ...(config.pythonGraders && { python: createPythonRunner({ concurrency: config.pythonConcurrency }) }),
    },
  })
  return [...graders, ...jsonGraders.map((one) => serveJsonGrader(one, runners))]
}

/** What graders get from a server with these settings. */
export function graderServices(
  config: Config,
  database: Pick<ServerDatabase, 'db'> & Partial<Pick<ServerDatabase, 'sql' | 'rolloutTables'>>,
  stopping: AbortSignal,
): RegradingServices {
  const { db, sql, rolloutTables = [] } = database
  const rows = createRowScope(db, rolloutTables)
  const areDeleted = rolloutTables.some(({ keep }) => keep === 'end')
  return {
    db,
    async dbOf({ run, number }) {
      if (rows === undefined) return db
      if (areDeleted && sql !== undefined && (await isReleased(sql, run, number))) throw rowsGone()
      return rows.of(number)
    },
    embed: embedOf(config),
    judge: config.judge === undefined ? noJudge : createJudge(createJudgeClient(config.judge)),
    graderSeconds: config.limits.graderSeconds,
    stopping,
  }
}

function rowsGone(): UngradableError {
  const message = "the rollout has ended and its rows are deleted; rolloutTable's keep: 'retention' keeps them"
  return new UngradableError(500, 'rollout_rows_deleted', message)
}

const embedOf = ({ embeddings }: Config) => embeddings && createEmbed(embeddings)

function sayingOnce(say: (line: string) => void): Log {
  const seen = new Set<unknown>()
  const once = ({ code }: Readonly<Record<string, unknown>>, message: string) => {
    if (seen.has(code)) return
    seen.add(code)
    say(message)
  }
  return { info() {}, warn: once, error: once }
}
