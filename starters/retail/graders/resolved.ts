import { z } from 'zod'
import type { TrajectoryCall } from '../../../src/kit/trajectory.ts'
import { defineGrader } from '../schema/environment.ts'
import { expectedShop, recordedShop } from './compare-shop.ts'

/**
 * Was the customer served as the policy says? It looks at what was done, not at what was claimed:
 *
 * - `rows`: all rows of the rollout's shop are as expected, the changed ones and all others. One refund too many, another
 *   customer's order cancelled, a right change undone: 0, and with it the score.
 * - `read`: the orders that the answer is about were read. An answer without a look is a guess: the score is 0.
 * - `mail`: exactly one mail to the right customer about the right order, or none where none is due.
 * - `said`: the answer has one line "Result: …", and it is the right one. Without it nothing is earned: a trainer that tries
 *   every tool must not be paid for the calls.
 *
 * Where an order had to change, half of the score is for the rows. Where the right thing was to change nothing, the rows
 * are right from the start, so most of the score is for what was said.
 */
export const resolved = defineGrader({
  name: 'resolved',
  version: '1',
  range: [0, 1],
  async grade({ sample, reference, trajectory, db }) {
    const { changes, mailTo, result } = reference
    const rows = Number((await recordedShop(db)) === expectedShop(changes))
    const read = Number(reference.read.every((id) => wasRead(trajectory, id)))
    const mail = Number(isRightMail(mailsIn(trajectory), mailTo, reference.read))
    const said = scoreResult(sample.output_text, result)
    const weights = changes.length > 0 ? { rows: 0.5, mail: 0.2, said: 0.3 } : { rows: 0.2, mail: 0.1, said: 0.7 }
    const score = rows * read * Math.ceil(said) * (weights.rows + weights.mail * mail + weights.said * said)
    return { score, parts: { rows, read, mail, said } }
  },
})

/** By the output, since the tool also takes an order number in lower case. */
function wasRead(trajectory: readonly TrajectoryCall[], order: string): boolean {
  return trajectory.some(
    ({ tool, outcome, output }) => tool === 'get_order' && outcome === 'ok' && output.includes(`"order_id":"${order}"`),
  )
}

const mailShape = z.object({ to: z.string(), subject: z.string(), text: z.string() })
type Mail = z.infer<typeof mailShape>

/** The mails that were sent: what a refused call would have sent does not count. */
function mailsIn(trajectory: readonly TrajectoryCall[]): readonly Mail[] {
  return trajectory
    .filter(({ tool, outcome }) => tool === 'send_mail' && outcome === 'ok')
    .map((call) => mailShape.parse(call.arguments))
}

function isRightMail(mails: readonly Mail[], to: string | null, orders: readonly string[]): boolean {
  if (to === null) return mails.length === 0
  const [mail, ...more] = mails
  if (mail === undefined || more.length > 0 || mail.to.toLowerCase() !== to) return false
  return orders.every((order) => `${mail.subject} ${mail.text}`.includes(order))
}

/** 1 for the right result line, 0.5 for the right verb and order with another amount or reason; several lines: 0. */
function scoreResult(answer: string, result: string): number {
  const found = [...answer.matchAll(/^\W*(?:answer:\s*)?result:(?<said>.*)$/gim)].map(({ groups }) =>
    plain(groups?.['said'] ?? ''),
  )
  const [said, ...more] = found
  if (said === undefined || more.length > 0) return 0
  if (said === plain(result)) return 1
  return headOf(said) === headOf(plain(result)) ? 0.5 : 0
}

const plain = (text: string) =>
  text
    .toLowerCase()
    .replace(/[*_`]/g, '')
    .replace(/\s+/g, ' ')
    .replace(/[\s.]+$/, '')
    .trim()

/** The verb and the order: "cancelled w1001" of "cancelled w1001, refund 34.50". */
const headOf = (text: string) => text.split(',')[0]?.trim()
