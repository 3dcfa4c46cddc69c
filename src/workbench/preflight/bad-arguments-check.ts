import { type Check, type Desk, firstOf } from './desk.ts'
import { badArguments } from './example-arguments.ts'
import { fail, pass, warn } from './verdict.ts'
import { type Answer, isPage, outputOf, told } from './wire.ts'

/** Arguments that do not fit come back as something that a model can read, and try again. */
export function badArgumentsCheck({ wire, items: [item], tools }: Desk): Check {
  const tried = tools.flatMap((tool) => badArguments(tool.parameters).map(([what, text]) => ({ tool, what, text })))
  return {
    name: 'bad arguments',
    requests: tried.length,
    async run() {
      const unread: string[] = []
      const inside: string[] = []
      for (const { tool, what, text } of tried) {
        const answer = await wire.call({ tool: tool.name, arguments: text, item })
        const problem = problemOf(answer)
        if (problem !== undefined) unread.push(`${tool.name}, called with ${what}, ${problem}`)
        else if (hasStack(answer)) inside.push(`${tool.name}, called with ${what}, shows the model where its code is`)
      }
      const [bad, odd] = [firstOf(unread), firstOf(inside)]
      if (bad !== undefined) {
        return [
          fail('bad arguments', bad, 'answer 200, or a 4xx, with a sentence that says what was wrong and what to try'),
        ]
      }
      if (odd !== undefined) return [warn('bad arguments', odd, 'answer with a sentence; keep the trace for your log')]
      return [pass('bad arguments', 'a model reads what was wrong')]
    },
  }
}

function problemOf(answer: Answer): string | undefined {
  if ('failed' in answer) return `gives ${told(answer)}`
  const { status, text } = answer
  if (status >= 500) return `answers ${told(answer)}: a trainer tries again, then discards the rollout`
  if (status >= 300 && status < 400) return `answers ${told(answer)}`
  if (isPage(answer)) return `answers ${told(answer)}, which no model can read`
  const read = status < 300 ? outputOf(answer) : text
  return (read ?? '').trim() === '' ? `answers ${told(answer)} with nothing to read` : undefined
}

const hasStack = (answer: Answer) =>
  !('failed' in answer) && /Traceback \(most recent call last\)|(?:\\n|\n)\s+at .+:\d+:\d+/.test(answer.text ?? '')
