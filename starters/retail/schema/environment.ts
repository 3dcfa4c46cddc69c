import { z } from 'zod'
import { defineEnvironment } from '../../../src/kit/define.ts'
import { openShop } from './open-shop.ts'

/** How an order ends when the customer was served as the policy says. */
const change = z.object({
  order: z.string(),
  status: z.enum(['cancelled', 'exchange requested']),
  note: z.string().nullable().default(null),
  refundCents: z.int().default(0),
  toPayCents: z.int().default(0),
  /** The variants of the order's lines, in order. */
  variants: z.array(z.string()),
})

/** YOURS: what an item of the dataset is, what a rollout remembers, and how many calls it may make. */
export const environment = defineEnvironment({
  // What tools and graders see of an item: the policy and the customer's letter.
  task: z.object({ messages: z.array(z.looseObject({ role: z.string(), content: z.unknown() })) }),
  // What graders alone see.
  reference: z.object({
    /** The orders that change; every other row stays as it was. */
    changes: z.array(change),
    /** The orders that have to be read before anything can be said about them. */
    read: z.array(z.string()).min(1),
    /** The customer who gets one mail; null where no mail is due. */
    mailTo: z.string().nullable(),
    /** What the last line of the answer says after "Result:". */
    result: z.string().min(1),
  }),
  // What the rollout's tools remember between calls: nothing, for all of it is in the tables.
  state: z.object({}),
  settings: z.object({
    MAIL_URL: z.url().default('http://127.0.0.1:8025/mail').describe('where mails are posted as JSON'),
  }),
  budget: { calls: 12 },
  // What a model calls to finish, where the trainer ends a rollout with a call (Open Reward Standard).
  submit: {
    name: 'submit',
    description: 'Finish with the summary of what was done. Its last line is the result line. This ends the task.',
    input: z.object({ summary: z.string().min(1).describe('The summary, with the line "Result: …" at its end') }),
    sample: ({ summary }) => summary,
  },
  // Runs once for each rollout, before its first call.
  begin: ({ tx }) => openShop(tx),
})

export const { defineTool, defineGrader } = environment
