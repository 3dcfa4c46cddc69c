import { stringifyExactly } from '../../base/exact-json.ts'
import { maxBodyBytes } from '../simulate/send.ts'
import type { Check, Desk } from './desk.ts'
import { fail, pass, skip, type Verdict, warn } from './verdict.ts'
import { type Answer, isPage, statusOf, told } from './wire.ts'

/** Room for the call itself, beside an item that fills a body of 1 MB. */
const callBytes = 8_000

/** A body of 1 MB is answered; one of more comes back as something that a model reads. */
export function bodyCheck({ wire, items: [item], tools: [tool], headers }: Desk): Check {
  const { name, arguments: args } = tool
  const call = (bytes: number) => {
    const room = bytes - Buffer.byteLength(stringifyExactly(item)) - callBytes
    return wire.call({
      tool: name,
      arguments: args,
      item: { ...item, preflight_padding: 'x'.repeat(Math.max(0, room)) },
      // A server may well hang up on what it did not read: the next request is to have a connection of its own.
      headers: { ...headers, connection: 'close' },
    })
  }
  return {
    name: 'bodies',
    requests: 4,
    async run() {
      const usual = await wire.call({ tool: name, arguments: args, item })
      const first = largest(await call(maxBodyBytes), usual)
      const answer = await call(2 * maxBodyBytes)
      // Whether the answer of a server that hangs up is heard is a matter of moments.
      return [first, larger(statusOf(answer) === 0 ? await call(2 * maxBodyBytes) : answer)]
    },
  }
}

/** What a server says of a field that it does not know, and not of a size. */
const unfit = [400, 422]

function largest(answer: Answer, usual: Answer): Verdict {
  const status = statusOf(answer)
  if (status >= 200 && status < 300) return pass('1 MB', 'a call of 1 MB is answered')
  const why = `a call of 1 MB is answered with ${told(answer)}`
  if (unfit.includes(status)) {
    const of = status === statusOf(usual) ? 'as a small one is' : 'perhaps for the field preflight_padding of its item'
    return skip('1 MB', `${why}, ${of}: whether its size is taken is not known`, 'send an item of 1 MB yourself')
  }
  return fail(
    '1 MB',
    why,
    'let bodies of 1,048,576 bytes pass, here and in what stands before it: trainers send the whole item',
  )
}

function larger(answer: Answer): Verdict {
  const status = statusOf(answer)
  const why = `a call of 2 MB is answered with ${told(answer)}`
  if (status >= 200 && status < 300) return pass('2 MB', `${why}: more than trainers send`)
  if (status >= 400 && status < 500 && !isPage(answer)) return pass('2 MB', why)
  const advice = 'answer 413 with a sentence: what is no 4xx is tried again and discards the rollout'
  // A server that hangs up on a body while it comes is seldom heard, though it answers; and trainers cut at 1 MB themselves.
  if (status < 500) return warn('2 MB', status >= 400 ? `${why}, which no model can read` : why, advice)
  return fail('2 MB', why, advice)
}
