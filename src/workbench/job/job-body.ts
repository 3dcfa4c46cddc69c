import { type AnswerFormat, type Hyperparameters, type Platform, responseFormat } from './platform-formats.ts'

/** Everything that defines a job. */
export interface JobPlan {
  readonly platform: Platform
  readonly model: string
  /** The id of the uploaded file. */
  readonly trainingFile: string
  readonly validationFile: string | undefined
  readonly suffix: string | undefined
  readonly seed: number | undefined
  /** The server's address, without a trailing slash. */
  readonly url: string
  /** The path of tools, with `{name}` for the name. */
  readonly toolPath: string
  readonly tools: readonly string[]
  /** The only headers that the trainer sends to the server. */
  readonly headers: Readonly<Record<string, string>>
  readonly grader: GraderPlan
  /** The maximum number of steps in a rollout: answers of the model, with or without calls. */
  readonly maxEpisodeSteps: number
  readonly answerFormat: AnswerFormat | undefined
  readonly hyperparameters: Hyperparameters
}

/** A grader of the server, called over the network; or one that the platform runs itself, in OpenAI's format. */
export type GraderPlan =
  | { readonly kind: 'endpoint'; readonly name: string; readonly rateLimit: number; readonly passThreshold?: number }
  | { readonly kind: 'written'; readonly grader: Readonly<Record<string, unknown>> }

/** The body of the request that creates a reinforcement job. */
export function jobBody(plan: JobPlan): Readonly<Record<string, unknown>> {
  const { platform, headers, tools, answerFormat, hyperparameters } = plan
  const withHeaders = Object.keys(headers).length > 0 ? { headers } : {}
  return {
    model: plan.model,
    training_file: plan.trainingFile,
    ...(plan.validationFile !== undefined && { validation_file: plan.validationFile }),
    ...(plan.suffix !== undefined && { suffix: plan.suffix }),
    ...(plan.seed !== undefined && { seed: plan.seed }),
    method: {
      type: 'reinforcement',
      reinforcement: {
        grader: graderOf(plan.grader, plan.url, withHeaders),
        ...(tools.length > 0 && {
          tools: tools.map((name) => ({ name, server_url: toolUrl(plan, name), ...withHeaders })),
          max_episode_steps: plan.maxEpisodeSteps,
        }),
        ...(answerFormat && { response_format: responseFormat(platform, answerFormat) }),
        ...(Object.keys(hyperparameters).length > 0 && { hyperparameters }),
      },
    },
  }
}

const toolUrl = ({ url, toolPath }: JobPlan, name: string) => `${url}${toolPath.replaceAll('{name}', name)}`

function graderOf(grader: GraderPlan, url: string, withHeaders: object): object {
  if (grader.kind === 'written') return grader.grader
  const { name, rateLimit, passThreshold } = grader
  return {
    type: 'endpoint',
    name,
    url: `${url}/graders/${name}`,
    ...withHeaders,
    rate_limit: rateLimit,
    ...(passThreshold !== undefined && { pass_threshold: passThreshold }),
  }
}

/**
 * The address to send the body to. Azure accepts preview features, such as endpoint graders, with `api-version=preview` on
 * its v1 address, and everything else without a version.
 *
 * Source: OpenAI's API reference, POST /fine_tuning/jobs; Azure's reference of the v1 API, "Create fine tuning job".
 *
 * @param resource the address of the Azure resource; a placeholder if undefined
 * @param version overrides the default api-version
 */
export function jobAddress(plan: Pick<JobPlan, 'platform' | 'grader' | 'tools'>, resource?: string, version?: string) {
  if (plan.platform === 'openai') return 'https://api.openai.com/v1/fine_tuning/jobs'
  const isPreview = usesEndpoint(plan.grader) || plan.tools.length > 0
  const asked = version ?? (isPreview ? 'preview' : undefined)
  const base = resource ?? 'https://YOUR-RESOURCE.openai.azure.com'
  return `${base}/openai/v1/fine_tuning/jobs${asked === undefined ? '' : `?api-version=${encodeURIComponent(asked)}`}`
}

/** Whether a grader, or one inside it, calls an endpoint. */
function usesEndpoint(grader: GraderPlan): boolean {
  const isEndpoint = (value: unknown): boolean => {
    if (typeof value !== 'object' || value === null) return false
    return ('type' in value && value.type === 'endpoint') || Object.values(value).some(isEndpoint)
  }
  return grader.kind === 'endpoint' || isEndpoint(grader.grader)
}

/** Addresses that only this machine or this network can reach. */
const localHost = /^(localhost|127\.|0\.0\.0\.0$|\[::1?\]$|10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.)/

/** What is likely wrong with a job that is formally valid, one sentence each. */
export function jobWarnings(plan: JobPlan, budget: number | undefined): readonly string[] {
  const { url, headers, maxEpisodeSteps, platform, tools } = plan
  const { protocol, hostname } = new URL(url)
  const warnings: string[] = []
  if (localHost.test(hostname)) {
    warnings.push(`${hostname} is an address of this machine or network, which a trainer cannot reach`)
  }
  if (protocol !== 'https:') {
    warnings.push('the address is not https: keys and references would be sent unencrypted')
  }
  if (Object.keys(headers).length === 0) {
    warnings.push('there are no headers: set SCOREKEEPER_KEY, or the server must accept every caller')
  }
  if (tools.length > 0 && budget !== undefined && maxEpisodeSteps < budget) {
    warnings.push(
      `max_episode_steps is ${maxEpisodeSteps}: a model that makes one call a step is cut off before the budget of ${budget} calls`,
    )
  }
  if (plan.validationFile === undefined) {
    warnings.push(
      platform === 'azure'
        ? 'Azure requires a validation file'
        : 'without a validation file, learning cannot be distinguished from memorization',
    )
  }
  return warnings
}
