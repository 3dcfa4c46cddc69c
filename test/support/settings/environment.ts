import { z } from 'zod'
import { defineEnvironment } from '../../../src/kit/define.ts'

/** An environment with settings, whose tools and grader return them, or fail with them in their errors. */
export const environment = defineEnvironment({
  task: z.object({}),
  reference: z.object({}),
  state: z.object({}),
  settings: z.object({
    MAIL_URL: z.url().describe('where mail is sent'),
    MAIL_KEY: z.string().min(8),
    MAX_MAILS: z.coerce.number().int().default(3),
  }),
})

const { defineTool, defineGrader } = environment

export const tools = [
  defineTool({
    name: 'sent_to',
    description: 'Returns where mail is sent.',
    input: z.object({}),
    effects: 'none',
    run: ({ settings }) => ({ host: new URL(settings.MAIL_URL).hostname, most: settings.MAX_MAILS }),
  }),
  defineTool({
    name: 'fail',
    description: 'Fails with the settings in its error.',
    input: z.object({}),
    effects: 'none',
    run({ settings }) {
      const { MAIL_URL, MAIL_KEY } = settings
      throw new Error(`401 from ${MAIL_URL} with ${MAIL_KEY}`, { cause: new Error(JSON.stringify({ key: MAIL_KEY })) })
    },
  }),
]

export const graders = [
  defineGrader({ name: 'most', version: '1', grade: ({ settings }) => settings.MAX_MAILS / 10 }),
  defineGrader({
    name: 'broken',
    version: '1',
    grade({ settings }) {
      throw new Error(`no answer from ${settings.MAIL_URL}`)
    },
  }),
]
