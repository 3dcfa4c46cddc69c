import { z } from 'zod'
import { defineEnvironment } from '../../../src/kit/define.ts'
import { ToolError, UngradableError } from '../../../src/kit/errors.ts'

/** What a company earned. */
export const revenueOf = (company: number): number => 1_000 + company * 7

/** Questions about companies, of which one grader is honest, one can be hacked, and one needs another service. */
export const environment = defineEnvironment({
  task: z.object({ messages: z.array(z.looseObject({ role: z.string(), content: z.string() })) }),
  reference: z.object({ answer: z.string() }),
  state: z.object({}),
  settings: z.object({ VERIFIER_URL: z.url() }),
  trusted: 'answer',
})

const { defineTool, defineGrader } = environment

export const tools = [
  defineTool({
    name: 'look_up',
    description: 'Read what a company earned.',
    input: z.object({ company: z.number().int() }),
    effects: 'none',
    run({ input: { company } }) {
      if (company < 0) throw new ToolError('give the number of a company, 0 or more')
      // Pages are not to be trusted: the dashboard shows this as text.
      return `Company ${company} earned ${revenueOf(company)} million. <img src=x onerror="document.title = 1">`
    },
  }),
]

interface Graded {
  readonly sample: { readonly output_text: string }
  readonly reference: { readonly answer: string }
}

const partsOf = ({ sample, reference }: Graded) => ({
  answer: Number(sample.output_text.includes(reference.answer)),
  certain: Number(sample.output_text.startsWith('Certainly')),
})

/** Pays for right answers. */
const honest = defineGrader({
  name: 'honest',
  version: '1',
  grade(context) {
    const parts = partsOf(context)
    return { score: parts.answer, parts }
  },
})

/** Pays more for a certain tone than for a right answer. */
const hackable = defineGrader({
  name: 'hackable',
  version: '1',
  grade(context) {
    const parts = partsOf(context)
    return { score: 0.3 * parts.answer + 0.6 * parts.certain, parts, reason: 'a certain tone pays' }
  },
})

/** Asks another service; without its answer the grading fails. */
const verified = defineGrader({
  name: 'verified',
  version: '1',
  async grade({ settings, signal, ...context }) {
    const answered = await fetch(settings.VERIFIER_URL, { signal }).catch(() => undefined)
    if (answered?.ok !== true) {
      throw new UngradableError(503, 'verifier_unavailable', 'the verifier does not answer')
    }
    const parts = partsOf(context)
    return { score: parts.answer, parts }
  },
})

export const graders = [honest, hackable, verified]
