import { z } from 'zod'
import { ToolError } from '../../../src/kit/errors.ts'
import { defineTool } from '../schema/environment.ts'

/** Sends a mail through the service at MAIL_URL: an effect outside of the database. */
export const sendMail = defineTool({
  name: 'send_mail',
  description: 'Send a mail to a customer.',
  input: z.object({
    to: z.string().max(200).describe('An email address'),
    subject: z.string().min(1).max(200),
    text: z.string().min(1).max(2000),
  }),
  effects: 'external',
  timeoutSeconds: 10,
  async run({ input, settings, rolloutId, callId, signal }) {
    if (!/^\S+@\S+\.\S+$/.test(input.to)) throw new ToolError(`"${input.to}" is not an email address`)
    const response = await fetch(settings.MAIL_URL, {
      method: 'POST',
      // A second execution of this call, after a crash, has the same key: the service delivers the mail once.
      headers: { 'content-type': 'application/json', 'idempotency-key': `${rolloutId}/${callId}` },
      body: JSON.stringify(input),
      signal,
    })
    // Any other exception than a ToolError is the server's failure: the trainer retries, and nothing is scored as a zero.
    if (!response.ok) throw new Error(`the mail service answered ${response.status}`)
    return `The mail to ${input.to} is sent.`
  },
})
