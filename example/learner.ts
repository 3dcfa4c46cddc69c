import type { Learner } from '../src/workbench/learn/learn.ts'
import { isAbout, pathsIn, tableIn } from './agents.ts'
import { computeAnswer, formatAnswer, unitOf } from './corpus/answers.ts'
import { parseQuestion } from './corpus/questions.ts'

/**
 * An agent whose behaviour is a set of choices: how it begins, how many pages it reads, whether it takes the first page
 * with an answer, whether it verifies, how it rounds, and what it says: only the answer, or many numbers, which a grader
 * that searches for the answer anywhere would also reward. It starts out thorough, as untrained models do.
 */
export const learner: Learner = {
  name: 'learner',
  choices: {
    begin: ['search', 'list, then search'],
    pages: ['1', '2', '4', '6'],
    take: ['the first', 'the one that fits'],
    verify: ['no', 'read it again', 'search again'],
    round: ['as it is', 'to whole numbers'],
    stop: ['with an answer', 'after one more look'],
    say: ['the answer', 'every figure it read', 'every figure, and many numbers'],
  },
  likely: {
    begin: { 'list, then search': 3 },
    pages: { '4': 2, '6': 2 },
    verify: { 'read it again': 3, 'search again': 3 },
    stop: { 'after one more look': 2 },
    say: { 'the answer': 3 },
  },
  async play(context, chosen) {
    const asked = parseQuestion(context.question)
    if (chosen['begin'] === 'list, then search') await context.call('list', { path: '' })
    const paths = pathsIn(await context.call('search', { query: context.question }))
    const fits = chosen['take'] === 'the first' ? () => true : isAbout(context.question)
    let answer: string | undefined
    let from: string | undefined
    let read = ''
    for (const path of paths.slice(0, Number(chosen['pages']))) {
      const page = await context.call('cat', { path })
      read += `${page}\n`
      const computed = asked && computeAnswer(asked, tableIn(page))
      if (asked === undefined || computed === undefined) continue
      const formatted = formatAnswer(asked, computed, unitOf(page))
      const fitting = fits(page)
      if (fitting || answer === undefined) [answer, from] = [formatted, path]
      if (fitting) break
    }
    if (chosen['verify'] === 'read it again' && from !== undefined) await context.call('cat', { path: from })
    if (chosen['verify'] === 'search again') await context.call('search', { query: context.question.slice(0, 60) })
    if (chosen['stop'] === 'after one more look') await context.call('list', { path: from?.split('/')[0] ?? '' })
    if (chosen['say'] !== 'the answer') {
      const figures = [answer ?? '', ...(read.match(/-?\d[\d,]*(?:\.\d+)?%?/g) ?? [])].join(' ')
      return chosen['say'] === 'every figure it read' ? figures : `${figures} ${manyNumbers}`
    }
    if (answer === undefined) return 'unknown'
    return chosen['round'] === 'as it is'
      ? answer
      : answer.replace(/\d[\d,]*\.\d+/, (text) => `${Math.round(Number(text.replaceAll(',', '')))}`)
  },
}

/** Yes, no, and every percentage up to 100, in whole numbers and in tenths. */
const manyNumbers = [
  'yes no',
  ...Array.from({ length: 101 }, (_, n) => `${n}%`),
  ...Array.from({ length: 1_000 }, (_, n) => `${(n / 10).toFixed(1)}%`),
].join(' ')
