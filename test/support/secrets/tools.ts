import { sql } from 'drizzle-orm'
import { z } from 'zod'
import { ToolError } from '../../../src/kit/errors.ts'
import { defineTool } from '../../environment/environment.ts'

const face = (name: string) => ({ name, description: 'Leaks what it can.', input: z.object({ text: z.string() }) })

/** Tools that succeed and fail in every way, each with everything that it was given in its error. */
export const tools = [
  defineTool({ ...face('echo'), effects: 'none', run: ({ input }) => input.text }),
  defineTool({
    ...face('refuse'),
    effects: 'none',
    run({ input }) {
      throw new ToolError(`not ${input.text}`)
    },
  }),
  defineTool({
    ...face('throw'),
    effects: 'none',
    run({ input, task }) {
      const cause = new Error(`${input.text} of ${JSON.stringify(task)}`)
      throw Object.assign(new Error(`failed at ${JSON.stringify({ input, task })}`, { cause }), { input, task })
    },
  }),
  defineTool({
    ...face('parse'),
    effects: 'none',
    run: ({ input }) => String(JSON.parse(`{"a": ${input.text}`)),
  }),
  defineTool({
    ...face('query'),
    effects: 'database',
    async run({ input, tx }) {
      await tx.execute(sql`select ${input.text}::int`)
      return 'never'
    },
  }),
  defineTool({
    ...face('act'),
    effects: 'external',
    run({ input, task }) {
      throw new AggregateError([new Error(input.text), new Error(String(task.messages[0]?.content))], input.text)
    },
  }),
  defineTool({
    ...face('unhandled'),
    effects: 'none',
    run({ input }) {
      void Promise.reject(Object.assign(new Error(`unhandled ${input.text}`), { input }))
      return 'done'
    },
  }),
  defineTool({
    ...{ ...face('slow'), timeoutSeconds: 0.2 },
    effects: 'none',
    run: ({ input, signal }) =>
      new Promise<string>((_, reject) => signal.addEventListener('abort', () => reject(new Error(input.text)))),
  }),
  defineTool({
    ...face('embed'),
    effects: 'none',
    run: async ({ input, embed }) => (await embed?.([input.text])) ?? 'no embeddings',
  }),
]
