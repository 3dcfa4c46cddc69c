import type { Agent, AgentContext } from '../src/workbench/simulate/agent.ts'
import { computeAnswer, formatAnswer, unitOf } from './corpus/answers.ts'
import { parseQuestion } from './corpus/questions.ts'

/** Reads up to four of the pages found, until one matches the question, and computes the answer from it. */
const careful: Agent = {
  name: 'careful',
  play: async (context) => (await lookThrough(context, 4, isAbout(context.question))) ?? 'unknown',
}

/** Takes the first page found, whichever company it is about. */
const hasty: Agent = {
  name: 'hasty',
  play: async (context) => (await lookThrough(context, 1, () => true)) ?? '0',
}

/** As good as `careful`, but makes unnecessary calls first. */
const rambling: Agent = {
  name: 'rambling',
  async play(context) {
    await context.call('list', { path: '' })
    const [first] = pathsIn(await context.call('search', { query: context.question }))
    await context.call('list', { path: first?.split('/')[0] ?? '' })
    if (first !== undefined) await context.call('cat', { path: first })
    return (await lookThrough(context, 5, isAbout(context.question))) ?? 'unknown'
  },
}

/** Calls no tools and gives a plausible answer. */
const guessing: Agent = {
  name: 'guessing',
  play: async ({ question }) => (/^(was|did)\b|\b(was|did) \S+ (higher|increase)/.test(question) ? 'yes' : '12.5%'),
}

/** The scripted agents of the demo, of varying skill. They see questions and pages, never the reference. */
export const agents: readonly Agent[] = [careful, hasty, rambling, guessing]

/** Searches, reads at most `most` of the pages found, and answers from the first that fits and has an answer. */
async function lookThrough(
  context: AgentContext,
  most: number,
  fits: (page: string) => boolean,
): Promise<string | undefined> {
  const asked = parseQuestion(context.question)
  const paths = pathsIn(await context.call('search', { query: context.question }))
  if (asked === undefined) return undefined
  let second: string | undefined
  for (const path of paths.slice(0, most)) {
    const page = await context.call('cat', { path })
    const answer = computeAnswer(asked, tableIn(page))
    if (answer === undefined) continue
    const formatted = formatAnswer(asked, answer, unitOf(page))
    if (fits(page)) return formatted
    second ??= formatted
  }
  return second
}

/** The paths in the output of `search`: lines such as `3. ACME/2014/page_15`. */
export const pathsIn = (output: string) => [...output.matchAll(/^\d+\. (\S+)$/gm)].flatMap(([, path]) => path ?? [])

/** The table in the output of `cat`: lines such as `| revenue | 12 |`. */
export const tableIn = (page: string) =>
  page
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .map((line) =>
      line
        .slice(2, -2)
        .split(' | ')
        .map((cell) => cell.trim()),
    )

/** Checks whether a page mentions the company, the report and the event that a question names. */
export function isAbout(question: string): (page: string) => boolean {
  const [, before = ''] = /^((?:for|at|as) [^,]+) , /.exec(question) ?? []
  const [, after = ''] = / , ((?:for|at|after|when|under) .+?)\s*\??$/.exec(question) ?? []
  const words = `${before} ${after}`.match(/[\p{L}\d]{4,}/gu) ?? []
  return (page) => {
    const text = page.toLowerCase()
    return words.every((word) => text.includes(word))
  }
}
