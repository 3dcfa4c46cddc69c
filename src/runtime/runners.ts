import type { Log } from '../base/log.ts'
import type { Embed } from '../kit/environment.ts'
import type { Runners } from './openai-graders/runners.ts'
import { createSimilarity } from './openai-graders/similarity.ts'
import { createEndpointRunner, type LocalEndpoint } from './outbound/endpoint-runner.ts'
import type { Outbound } from './outbound/outbound.ts'

/** The services of {@link createRunners}; graders that need a missing one are not run. */
export interface RunnersSettings {
  readonly embed: Embed | undefined
  readonly log: Log
  readonly outbound?: Outbound | undefined
  /** Finds what answers in-process for an address of this server. */
  readonly local?: ((address: string) => LocalEndpoint | undefined) | undefined
  /** The timeout of a grader, in seconds. */
  readonly graderSeconds: number
  /** The runners that ask judging models and run Python. */
  readonly more?: Pick<Runners, 'scoreModel' | 'labelModel' | 'python'> | undefined
}

/** An endpoint times out before the grader does, so that the flag names the endpoint. */
const endpointShare = 0.9

/** Makes the runners of graders in OpenAI's format. */
export function createRunners({ embed, log, outbound, local, graderSeconds, more }: RunnersSettings): Runners {
  const warn = (cause: unknown) => log.warn({ code: 'embeddings_failed', cause }, 'no embeddings for the metric cosine')
  const endpoint = outbound && createEndpointRunner({ outbound, local, seconds: graderSeconds * endpointShare })
  return { similarity: createSimilarity({ embed, warn }), ...more, ...(endpoint && { endpoint }) }
}
