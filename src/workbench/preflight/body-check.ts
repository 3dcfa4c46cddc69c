import { stringifyExactly } from '../../base/exact-json.ts'
import { maxBodyBytes } from '../simulate/send.ts'
import type { Check, CheckContext } from './check.ts'
import { fail, pass, skip, type Verdict, warn } from './verdict.ts'
import { type Answer, describeAnswer, isPage, statusOf } from './wire.ts'

/** Space for the call itself in a body of 1 MB. */
const callBytes = 8_000

/** A body of 1 MB is accepted; a larger one is refused with text that a model can read. */
export function bodyCheck({ wire, items: [item], tools: [tool], headers }: CheckContext): Check {
  const { name, arguments: args } = tool
  const call = (bytes: number) => {
    const room = bytes - Buffer.byteLength(stringifyExactly(item)) - callBytes
    return wire.call({
      tool: name,
      arguments: args,
      item: { ...item, preflight_padding: 'x'.repeat(Math.max(0, room)) },
      // A server may close the connection of a body that it did not read: the next request needs another one.
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
      // Whether the answer of a server that closes the connection arrives depends on timing.
      return [first, larger(statusOf(answer) === 0 ? await call(2 * maxBodyBytes) : answer)]
    },
  }
}

/** Statuses for an unknown field, not for a size. */
const unfit = [400, 422]

function largest(answer: Answer, usual: Answer): Verdict {
  const status = statusOf(answer)
  if (status >= 200 && status < 300) return pass('1 MB', 'a call of 1 MB is answered')
  const why = `a call of 1 MB is answered with ${describeAnswer(answer)}`
  if (unfit.includes(status)) {
    const of =
      status === statusOf(usual) ? 'as a small one is' : 'perhaps because of the field preflight_padding in its item'
    return skip(
      '1 MB',
      `${why}, ${of}: whether its size is accepted is not known`,
      'test it with an item of 1 MB of your own',
    )
  }
  return fail(
    '1 MB',
    why,
    'accept bodies of 1,048,576 bytes, in the server and in every proxy before it: trainers send the whole item',
  )
}

function larger(answer: Answer): Verdict {
  const status = statusOf(answer)
  const why = `a call of 2 MB is answered with ${describeAnswer(answer)}`
  if (status >= 200 && status < 300) return pass('2 MB', `${why}, which is more than trainers send`)
  if (status >= 400 && status < 500 && !isPage(answer)) return pass('2 MB', why)
  const advice = 'answer 413 with a sentence: anything but a 4xx is retried, and discards the rollout'
  // The answer of a server that closes the connection early rarely arrives; and trainers send at most 1 MB.
  if (status < 500) return warn('2 MB', status >= 400 ? `${why}, which a model cannot read` : why, advice)
  return fail('2 MB', why, advice)
}
