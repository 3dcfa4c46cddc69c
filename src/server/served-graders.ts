import type { Log } from '../base/log.ts'
import type { Grading } from '../core/grading.ts'
import type { Grader } from '../kit/define-grader.ts'
import type { Embed } from '../kit/environment.ts'
import { asksEndpoint, type JsonGrader, lacking, serveJsonGrader } from '../runtime/openai-graders/json-grader.ts'
import type { Runners } from '../runtime/openai-graders/runners.ts'
import type { Outbound } from '../runtime/outbound/outbound.ts'
import { createRunners, type RunnersSettings } from '../runtime/runners.ts'
import { ownGraders } from './own-graders.ts'

/** What {@link serveGraders} needs. */
export interface ServedGradersSettings {
  readonly graders: readonly Grader[]
  readonly jsonGraders: readonly JsonGrader[]
  /** What JSON graders ask judging models and Python with. */
  readonly more: RunnersSettings['more']
  readonly outbound: Outbound
  readonly embed: Embed | undefined
  readonly log: Log
  /** The address at which others reach this server; undefined where it was not told. */
  readonly publicUrl: string | undefined
  /** How long a grader may run, in seconds. */
  readonly graderSeconds: number
  /** The verb, which is made of these very graders: asked no sooner than a grading runs. */
  readonly grade: Grading['grade']
}

/**
 * Puts the graders together that a server has: those that are code, then those that are JSON; and the runners that posted
 * ones are run with. Warns of each JSON grader that asks for what the server has not.
 */
export function serveGraders(settings: ServedGradersSettings): {
  readonly graders: readonly Grader[]
  readonly runners: Runners
} {
  const { jsonGraders, outbound, log, publicUrl, grade } = settings
  const asking = new Set(jsonGraders.filter(asksEndpoint).map(({ name }) => name))
  const local = ownGraders({ grade, publicUrl, asking })
  const runners = createRunners({ ...settings, local })
  const mayAsk = (address: string) => local(address) !== undefined || isAllowed(outbound, address)
  for (const { grader, message } of lacking(jsonGraders, runners, mayAsk)) {
    log.warn({ code: 'grader_lacks_setting', grader }, message)
  }
  return { graders: [...settings.graders, ...jsonGraders.map((one) => serveJsonGrader(one, runners))], runners }
}

function isAllowed(outbound: Outbound, address: string): boolean {
  try {
    outbound.check(address)
    return true
  } catch {
    return false
  }
}
