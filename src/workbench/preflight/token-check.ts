import type { Check, CheckContext } from './check.ts'
import { fail, pass, skip, type Verdict, warn } from './verdict.ts'
import { type Answer, describeAnswer, statusOf } from './wire.ts'

type Headers = Readonly<Record<string, string>>

/** An answer, and what gave it. */
interface Asked {
  readonly by: string
  readonly answer: Answer
}

/** The right key is accepted; a wrong one and a missing one are refused, by tools and by the grader. */
export function tokenCheck(context: CheckContext): Check {
  const { wire, headers, items, tools, isPublic, hasGrader } = context
  const [[item], [tool]] = [items, tools]
  const ask = async (sent: Headers): Promise<readonly Asked[]> => {
    const call = await wire.call({ tool: tool.name, arguments: tool.arguments, item, headers: sent })
    const asked = [{ by: 'a tool', answer: call }]
    if (!hasGrader) return asked
    return [...asked, { by: 'the grader', answer: await wire.grade({ output: '', item, headers: sent }) }]
  }
  const hasKey = Object.keys(headers).length > 0
  return {
    name: 'tokens',
    requests: (hasKey ? 3 : 1) * (hasGrader ? 2 : 1),
    async run() {
      const right = await ask(headers)
      if (!hasKey) return [withoutKey(right, isPublic)]
      const wrong = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, altered(value)]))
      return [
        accepted(right),
        refused('wrong token', 'a wrong key', await ask(wrong)),
        refused('no token', 'no key', await ask({})),
      ]
    },
  }
}

/** The scheme stays, so that only the key is wrong. */
const altered = (value: string) =>
  /^bearer /i.test(value) ? 'Bearer wrong-key-of-preflight' : 'wrong-key-of-preflight'

const isRefused = ({ answer }: Asked) => statusOf(answer) === 401 || statusOf(answer) === 403

function accepted(asked: readonly Asked[]): Verdict {
  const refusal = asked.find(isRefused)
  if (refusal === undefined) return unlessBroken(asked)
  const why = `${refusal.by} refuses the key with ${describeAnswer(refusal.answer)}: the model would read that instead of the output`
  const advice = 'check that the server knows this key, and that the key may use tools and graders'
  return { ...fail('token', why, advice), isEnd: true }
}

/** An answer that does not refuse the key need not come from a server that read the key. */
function unlessBroken(asked: readonly Asked[]): Verdict {
  const broken = asked.find(({ answer }) => !hasReadKey(statusOf(answer)))
  if (broken === undefined) {
    return pass('token', `the key is accepted, by ${asked.length > 1 ? 'tools and by the grader' : 'tools'}`)
  }
  const status = statusOf(broken.answer)
  const why = `${broken.by} answers ${describeAnswer(broken.answer)}: whether it accepts the key is not known`
  if (status < 300 || status >= 400) return skip('token', why, 'check the address, and that it answers')
  return fail('token', why, 'use the address behind the redirect; if it is a login page, the key is not accepted')
}

/** A success, or an error about the body; not an unknown address. */
const hasReadKey = (status: number) => (status >= 200 && status < 300) || [400, 409, 413, 422, 429].includes(status)

function withoutKey(asked: readonly Asked[], isPublic: boolean): Verdict {
  const why = 'no key was given, and the server does not require one'
  const advice = 'give the server API keys, and pass the key to this command in SCOREKEEPER_KEY'
  if (asked.some(isRefused)) {
    return { ...fail('token', 'the server requires a key, and none was given', advice), isEnd: true }
  }
  return isPublic ? fail('token', `${why}: anyone may call it`, advice) : skip('token', why, advice)
}

function refused(check: string, what: string, asked: readonly Asked[]): Verdict {
  const found = asked.find((one) => !isRefused(one))
  if (found === undefined) {
    const answers = asked.map(({ by, answer }) => `${by} answers ${describeAnswer(answer)}`)
    return pass(check, `with ${what} ${answers.join(' and ')}`)
  }
  const status = statusOf(found.answer)
  const why = `with ${what} ${found.by} answers ${describeAnswer(found.answer)}`
  if (status >= 200 && status < 300) {
    return fail(check, `${why}, as with the right one`, 'check the key before anything else; answer 401')
  }
  if (status >= 400 && status < 500) return warn(check, why, 'answer 401, so that the log says what is wrong')
  return fail(check, `${why}: a trainer tries again, then discards the rollout`, 'answer 401')
}
