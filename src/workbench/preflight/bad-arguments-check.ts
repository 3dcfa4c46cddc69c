import { type Check, type CheckContext, firstOf } from './check.ts'
import { badArguments } from './example-arguments.ts'
import { fail, pass, warn } from './verdict.ts'
import { type Answer, describeAnswer, isOk, isPage, outputOf } from './wire.ts'

/** Invalid arguments are answered with text that a model can read, so that it can try again. */
export function badArgumentsCheck({ wire, items: [item], tools, isScorekeeper }: CheckContext): Check {
  const tried = tools.flatMap((tool) => badArguments(tool.parameters).map((bad) => ({ tool, ...bad })))
  return {
    name: 'bad arguments',
    requests: tried.length + tools.length,
    async run() {
      const usual = new Map<string, string | undefined>()
      if (!isScorekeeper) {
        for (const { name, arguments: args } of tools) {
          usual.set(name, outputOf(await wire.call({ tool: name, arguments: args, item })))
        }
      }
      const unread: string[] = []
      const taken: string[] = []
      const odd: string[] = []
      for (const { tool, what, text, mayPass } of tried) {
        const answer = await wire.call({ tool: tool.name, arguments: text, item })
        const problem = problemOf(answer)
        const called = `${tool.name}, called with ${what},`
        if (problem !== undefined) unread.push(`${called} ${problem}`)
        else if (hasStack(answer)) odd.push(`${called} shows the model where its code is`)
        else if (mayPass || !isOk(answer) || isScorekeeper) continue
        else if (outputOf(answer) === usual.get(tool.name)) taken.push(`${called} answers as if nothing were wrong`)
        else if (!isComplaint(outputOf(answer) ?? '')) odd.push(`${called} does not say that anything is wrong`)
      }
      const advice = 'answer 200, or a 4xx, with a sentence that says what was wrong and what to try'
      const [bad, accepted, strange] = [firstOf(unread), firstOf(taken), firstOf(odd)]
      if (bad !== undefined) return [fail('bad arguments', bad, advice)]
      if (accepted !== undefined) return [fail('bad arguments', accepted, advice)]
      if (strange !== undefined) {
        return [warn('bad arguments', strange, 'answer with a sentence that says what was wrong; log stack traces')]
      }
      return [pass('bad arguments', 'a model reads what was wrong')]
    },
  }
}

/** Words with which a tool reports an error. */
const complaint =
  /\b(?:errors?|invalid|must|required|requires?|expected|unknown|cannot|can't|missing|not|no|without|try|takes?|wrong|bad|malformed|say)\b/i

const isComplaint = (output: string) => complaint.test(output)

function problemOf(answer: Answer): string | undefined {
  if ('failed' in answer) return `gives ${describeAnswer(answer)}`
  const { status, text } = answer
  if (status >= 500) return `answers ${describeAnswer(answer)}: a trainer tries again, then discards the rollout`
  if (status >= 300 && status < 400) return `answers ${describeAnswer(answer)}`
  if (isPage(answer)) return `answers ${describeAnswer(answer)}, which a model cannot read`
  const read = status < 300 ? outputOf(answer) : text
  return (read ?? '').trim() === '' ? `answers ${describeAnswer(answer)} with nothing to read` : undefined
}

const hasStack = (answer: Answer) =>
  !('failed' in answer) && /Traceback \(most recent call last\)|(?:\\n|\n)\s+at .+:\d+:\d+/.test(answer.text ?? '')
