import { z } from 'zod'
import { defineTool } from '../schema/environment.ts'

/** Notes which files had to change; a later plan replaces an earlier one. */
export const submitPlan = defineTool({
  name: 'submit_plan',
  description: 'Submit the files that have to change for the issue. Call it once, at the end.',
  effects: 'database',
  input: z.object({
    files: z.array(z.string().min(1).max(500)).min(1).max(50).describe('From the root: ["src/slug.mjs"]'),
  }),
  run({ input, state }) {
    state.plan = [...new Set(input.files.map((file) => file.trim().replace(/^(\.?\/)+/, '')))]
    return `noted ${state.plan.length} file${state.plan.length === 1 ? '' : 's'}`
  },
})
