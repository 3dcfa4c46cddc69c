import type { Hyperparameters } from './hyperparameters.ts'
import { type AnswerFormat, type Platform, responseFormat } from './response-format.ts'

/** A job as its owner wants it. */
export interface JobPlan {
  readonly platform: Platform
  readonly model: string
  /** The id of the uploaded file. */
  readonly trainingFile: string
  readonly validationFile: string | undefined
  readonly suffix: string | undefined
  readonly seed: number | undefined
  /** The server's address, without a slash at its end. */
  readonly url: string
  /** Where tools are, `{name}` for the name. */
  readonly toolPath: string
  readonly tools: readonly string[]
  /** The only headers that reach the server. */
  readonly headers: Readonly<Record<string, string>>
  readonly grader: GraderPlan
  /** Steps of a rollout: answers of the model, with or without calls. */
  readonly maxEpisodeSteps: number
  readonly answerFormat: AnswerFormat | undefined
  readonly hyperparameters: Hyperparameters
}

/** A grader of the server, asked over the network; or one that the platform runs itself, in OpenAI's format. */
export type GraderPlan =
  | { readonly kind: 'endpoint'; readonly name: string; readonly rateLimit: number; readonly passThreshold?: number }
  | { readonly kind: 'written'; readonly grader: Readonly<Record<string, unknown>> }

/** The body with which a reinforcement job is created. */
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
    ...{ type: 'endpoint', name, url: `${url}/graders/${name}`, ...withHeaders, rate_limit: rateLimit },
    ...(passThreshold !== undefined && { pass_threshold: passThreshold }),
  }
}

/**
 * Where the body is to be sent. Azure takes what is in preview, as endpoint graders are, under `api-version=preview` of its
 * v1 address, and the rest without a version.
 *
 * Source: OpenAI's API reference, POST /fine_tuning/jobs; Azure's reference of the v1 API, "Create fine tuning job".
 *
 * @param resource the address of the Azure resource; a placeholder where it is not given
 * @param version wins over the version that is known
 */
export function jobAddress(plan: Pick<JobPlan, 'platform' | 'grader' | 'tools'>, resource?: string, version?: string) {
  if (plan.platform === 'openai') return 'https://api.openai.com/v1/fine_tuning/jobs'
  const isPreview = usesEndpoint(plan.grader) || plan.tools.length > 0
  const asked = version ?? (isPreview ? 'preview' : undefined)
  const base = resource ?? 'https://YOUR-RESOURCE.openai.azure.com'
  return `${base}/openai/v1/fine_tuning/jobs${asked === undefined ? '' : `?api-version=${encodeURIComponent(asked)}`}`
}

/** Whether a grader asks an endpoint, it or one within it. */
function usesEndpoint(grader: GraderPlan): boolean {
  const isEndpoint = (value: unknown): boolean => {
    if (typeof value !== 'object' || value === null) return false
    return ('type' in value && value.type === 'endpoint') || Object.values(value).some(isEndpoint)
  }
  return grader.kind === 'endpoint' || isEndpoint(grader.grader)
}
