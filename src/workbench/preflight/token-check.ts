import type { Check, Desk } from './desk.ts'
import { fail, pass, skip, type Verdict, warn } from './verdict.ts'
import { type Answer, statusOf, told } from './wire.ts'

const isRefused = (answer: Answer) => statusOf(answer) === 401 || statusOf(answer) === 403

/** The right key is accepted; a wrong one and none are refused, by tools and by the grader. */
export function tokenCheck({ wire, headers, items: [item], tools: [tool], isPublic }: Desk): Check {
  const call = (sent: Readonly<Record<string, string>>) =>
    wire.call({ tool: tool.name, arguments: tool.arguments, item, headers: sent })
  const grade = (sent: Readonly<Record<string, string>>) => wire.grade({ output: '', item, headers: sent })
  const hasKey = Object.keys(headers).length > 0
  return {
    name: 'tokens',
    requests: hasKey ? 6 : 2,
    async run() {
      const right = [await call(headers), await grade(headers)]
      if (!hasKey) return [withoutKey(right, isPublic)]
      const wrong = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, altered(value)]))
      return [
        accepted(right),
        refused('wrong token', 'a wrong key', [await call(wrong), await grade(wrong)]),
        refused('no token', 'no key', [await call({}), await grade({})]),
      ]
    },
  }
}

/** The scheme stays, so that it is the key which is wrong. */
const altered = (value: string) =>
  /^bearer /i.test(value) ? 'Bearer wrong-key-of-preflight' : 'wrong-key-of-preflight'

const names = ['a tool', 'the grader'] as const

function accepted(answers: readonly Answer[]): Verdict {
  const at = answers.findIndex(isRefused)
  const answer = answers[at]
  if (answer === undefined) return unlessBroken(answers)
  const why = `${names[at]} refuses the key with ${told(answer)}: the model would read that, and never your tools`
  const advice = 'see that the server knows this key, and that the key may use tools and graders'
  return { ...fail('token', why, advice), isEnd: true }
}

/** An answer that nobody refused need not be one of somebody who looked at the key. */
function unlessBroken(answers: readonly Answer[]): Verdict {
  const at = answers.findIndex((answer) => statusOf(answer) >= 500 || (statusOf(answer) < 400 && !isGood(answer)))
  const answer = answers[at]
  if (answer === undefined) return pass('token', 'the key is accepted, by tools and by the grader')
  const why = `${names[at]} answers ${told(answer)}: whether it accepts the key is not known`
  if (statusOf(answer) < 300 || statusOf(answer) >= 500) return skip('token', why, 'see that it answers')
  return fail(
    'token',
    why,
    'give the address behind the redirect; if it is that of a page to log in, the key is not accepted',
  )
}

const isGood = (answer: Answer) => statusOf(answer) >= 200 && statusOf(answer) < 300

function withoutKey(answers: readonly Answer[], isPublic: boolean): Verdict {
  const why = 'no key was given, and the server asks for none'
  const advice = 'give the server API keys, and the key to this command in SCOREKEEPER_KEY'
  if (answers.some(isRefused)) {
    return { ...fail('token', 'the server asks for a key, and none was given', advice), isEnd: true }
  }
  return isPublic ? fail('token', `${why}: anybody may call it`, advice) : skip('token', why, advice)
}

function refused(check: string, what: string, answers: readonly Answer[]): Verdict {
  const at = answers.findIndex((answer) => !isRefused(answer))
  const answer = answers[at]
  if (answer === undefined)
    return pass(check, `with ${what} tools and the grader answer ${answers.map(told).join(' and ')}`)
  const status = statusOf(answer)
  const why = `with ${what} ${names[at]} answers ${told(answer)}`
  if (status >= 200 && status < 300) {
    return fail(check, `${why}, as if it were the right one`, 'look at the key before anything else; answer 401')
  }
  if (status >= 400 && status < 500) return warn(check, why, 'answer 401, so that the log says what is wrong')
  return fail(check, `${why}: a trainer tries again, then discards the rollout`, 'answer 401')
}
