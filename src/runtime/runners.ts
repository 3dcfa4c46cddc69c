import type { Log } from '../base/log.ts'
import type { Embed } from '../kit/environment.ts'
import type { Runners } from './openai-graders/runners.ts'
import { createSimilarity } from './openai-graders/similarity.ts'
import { createEndpointRunner, type LocalEndpoint } from './outbound/endpoint-runner.ts'
import type { Outbound } from './outbound/outbound.ts'

/** What {@link createRunners} makes the runners of; what is left out is not run. */
export interface RunnersSettings {
  readonly embed: Embed | undefined
  readonly log: Log
  readonly outbound?: Outbound | undefined
  /** Who answers in-process for an address of this server. */
  readonly local?: ((address: string) => LocalEndpoint | undefined) | undefined
  /** How long a grader may run, in seconds. */
  readonly graderSeconds: number
  /** Those that ask judging models and run Python. */
  readonly more?: Pick<Runners, 'scoreModel' | 'labelModel' | 'python'> | undefined
}

/** An endpoint that is asked in vain is to be told of before the grader's own time is up, so that its flag says it. */
const mostOfTheTime = 0.9

/** Puts together what graders in OpenAI's format need beside their JSON. */
export function createRunners({ embed, log, outbound, local, graderSeconds, more }: RunnersSettings): Runners {
  const warn = (cause: unknown) => log.warn({ code: 'embeddings_failed', cause }, 'no vectors for the metric cosine')
  const endpoint = outbound && createEndpointRunner({ outbound, local, seconds: graderSeconds * mostOfTheTime })
  return { similarity: createSimilarity({ embed, warn }), ...more, ...(endpoint && { endpoint }) }
}
