import { z } from 'zod'
import { defineTool } from '../schema/environment.ts'

/** Lets the model write down a thought. It changes nothing; the thought is in the trajectory. */
export const think = defineTool({
  name: 'think',
  description: 'Write down a thought, for example what the policy says about this letter. It changes nothing.',
  input: z.object({ thought: z.string().min(1).max(4000) }),
  effects: 'none',
  run: () => 'Noted.',
})
