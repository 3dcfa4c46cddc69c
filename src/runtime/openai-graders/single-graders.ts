import { z } from 'zod'
import { message, templateText } from './messages.ts'

/**
 * The graders that can be used alone or in a multi grader, as in OpenAI's reference; `endpoint` as in Azure's preview.
 *
 * Lenient where the public documents disagree: `name` is required in the reference and missing in the guide's examples; the
 * guide says `neq` and the reference `ne`; `pass_threshold` belongs to evals and occurs everywhere. Fields that are not named
 * here are ignored, `invalid_grade` among them: the model would learn from a number for what could not be graded.
 *
 * @see https://github.com/openai/openai-node/blob/master/src/resources/graders/grader-models.ts
 * @see https://platform.openai.com/docs/guides/graders
 */
const name = z.string().nullish()

/** Every metric of text_similarity. */
export const similarityMetrics = [
  'fuzzy_match',
  'bleu',
  'gleu',
  'meteor',
  'cosine',
  'rouge_1',
  'rouge_2',
  'rouge_3',
  'rouge_4',
  'rouge_5',
  'rouge_l',
] as const

const stringCheck = z.object({
  type: z.literal('string_check'),
  name,
  operation: z.enum(['eq', 'ne', 'neq', 'like', 'ilike']).transform((one) => (one === 'neq' ? 'ne' : one)),
  input: templateText,
  reference: templateText,
})

const textSimilarity = z.object({
  type: z.literal('text_similarity'),
  name,
  evaluation_metric: z.enum(similarityMetrics),
  input: templateText,
  reference: templateText,
})

const samplingParams = z.object({
  max_completions_tokens: z.int().positive().nullish(),
  reasoning_effort: z.string().nullish(),
  seed: z.int().nullish(),
  temperature: z.number().nullish(),
  top_p: z.number().nullish(),
})

const scoreModel = z.object({
  type: z.literal('score_model'),
  name,
  model: z.string().min(1),
  input: z.array(message).min(1),
  range: z
    .tuple([z.number(), z.number()])
    .refine(([least, most]) => least < most, 'must have its lower bound first')
    .nullish(),
  sampling_params: samplingParams.nullish(),
})

const labelModel = z
  .object({
    type: z.literal('label_model'),
    name,
    model: z.string().min(1),
    input: z.array(message).min(1),
    labels: z.array(z.string()).min(1),
    passing_labels: z.array(z.string()).min(1),
    sampling_params: samplingParams.nullish(),
  })
  .superRefine(({ labels, passing_labels }, context) => {
    for (const [index, label] of passing_labels.entries()) {
      if (labels.includes(label)) continue
      context.addIssue({ code: 'custom', path: ['passing_labels', index], message: 'must be one of the labels' })
    }
  })

const python = z.object({
  type: z.literal('python'),
  name,
  source: z.string().min(1).max(256_000),
  image_tag: z.string().nullish(),
})

const mustBeAddress = 'must be an address that begins with http:// or https://'
/** The messages repeat neither addresses nor headers, because both may contain keys. */
const endpoint = z.object({
  type: z.literal('endpoint'),
  name,
  url: z.string().refine((url) => URL.canParse(url) && /^https?:/iu.test(url), mustBeAddress),
  headers: z.record(z.string(), z.string({ error: 'must be a text' })).nullish(),
  rate_limit: z.number().positive().nullish(),
})

/** The schemas of all graders except multi. */
export const singleGraders = [stringCheck, textSimilarity, scoreModel, labelModel, python, endpoint] as const

/** A metric of text_similarity. */
export type SimilarityMetric = (typeof similarityMetrics)[number]
/** Compares two texts: 1 or 0. */
export type StringCheckGrader = z.infer<typeof stringCheck>
/** Measures the similarity of two texts. */
export type TextSimilarityGrader = z.infer<typeof textSimilarity>
/** Asks a model for a number in a range. */
export type ScoreModelGrader = z.infer<typeof scoreModel>
/** Asks a model for one of several labels: 1 for a passing one, else 0. */
export type LabelModelGrader = z.infer<typeof labelModel>
/** Runs `grade(sample, item)`. */
export type PythonGrader = z.infer<typeof python>
/** Calls a server with the sample and the item. */
export type EndpointGrader = z.infer<typeof endpoint>
/** Any grader except multi. */
export type SingleGrader = z.infer<(typeof singleGraders)[number]>
