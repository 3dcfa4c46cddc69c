import { fileURLToPath } from 'node:url'
import type { Sql } from 'postgres'
import type { Log } from '../base/log.ts'
import type { Grading } from '../core/grading/grading.ts'
import type { Grader } from '../kit/define-grader.ts'
import type { Embed } from '../kit/environment.ts'
import { changedCode } from '../ledger/reports/recorded-facts.ts'
import { withCodeHashes } from '../runtime/code-hash.ts'
import {
  asksEndpoint,
  type JsonGrader,
  missingServices,
  serveJsonGrader,
} from '../runtime/openai-graders/json-grader.ts'
import type { Runners } from '../runtime/openai-graders/runners.ts'
import type { Outbound } from '../runtime/outbound/outbound.ts'
import { createRunners, type RunnersSettings } from '../runtime/runners.ts'
import { localEndpoints } from './local-endpoints.ts'

/** What {@link serveJsonGraders} needs. */
export interface JsonGradersSettings {
  readonly jsonGraders: readonly JsonGrader[]
  /** The runners for judging models and Python. */
  readonly more: RunnersSettings['more']
  readonly outbound: Outbound
  readonly embed: Embed | undefined
  readonly log: Log
  /** The address at which others reach this server; undefined if it is not configured. */
  readonly publicUrl: string | undefined
  /** How long a grader may run, in seconds. */
  readonly graderSeconds: number
  /** The verb, for graders that ask an endpoint of this server. */
  readonly grade: Grading['grade']
}

/**
 * Creates the graders from JSON files, and the runners for graders in requests. Warns about each JSON grader that needs a
 * missing setting.
 */
export function serveJsonGraders(settings: JsonGradersSettings): {
  readonly graders: readonly Grader[]
  readonly runners: Runners
} {
  const { jsonGraders, outbound, log, publicUrl, grade, embed, more, graderSeconds } = settings
  const asking = new Set(jsonGraders.filter(asksEndpoint).map(({ name }) => name))
  const local = localEndpoints({ grade, publicUrl, asking })
  const runners = createRunners({ more, outbound, embed, log, graderSeconds, local })
  const mayAsk = (address: string) => local(address) !== undefined || isAllowed(outbound, address)
  for (const { grader, message } of missingServices(jsonGraders, runners, mayAsk)) {
    log.warn({ code: 'grader_lacks_setting', grader }, message)
  }
  return { graders: jsonGraders.map((one) => serveJsonGrader(one, runners)), runners }
}

function isAllowed(outbound: Outbound, address: string): boolean {
  try {
    outbound.check(address)
    return true
  } catch {
    return false
  }
}

/** Adds the hashes of the graders' code; if the code cannot be read, logs a warning and returns them unchanged. */
export async function gradersWithHashes(graders: readonly Grader[], folder: URL, log: Log): Promise<readonly Grader[]> {
  return await withCodeHashes(graders, fileURLToPath(folder)).catch((cause: unknown) => {
    const message = 'the code of the graders cannot be read: changes to it will not be detected'
    log.warn({ code: 'code_hash_unknown', cause }, message)
    return graders
  })
}

/**
 * Warns about each grader whose code differs from that of its latest recorded grading although its version is the same:
 * scores from before and after the change then cannot be distinguished by version. Never rejects.
 */
export async function warnOfChangedGraders(sql: Sql, graders: readonly Grader[], log: Log): Promise<void> {
  for (const { name, version, codeHash } of graders) {
    const code = { grader: name, version, codeHash: codeHash ?? null }
    const before = await changedCode(sql, code).catch(() => undefined)
    if (before === undefined) continue
    const message =
      `the code of the grader "${name}" changed and its version "${version}" did not: give it another, and see ` +
      `docs/regrading.md for what the change does to recorded rollouts`
    log.warn({ code: 'grader_changed', grader: name, version, before, now: codeHash }, message)
  }
}
