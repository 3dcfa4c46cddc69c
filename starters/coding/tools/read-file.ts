import { z } from 'zod'
import { defineTool } from '../schema/environment.ts'

/** Reads a file of the rollout's own copy of the repository. */
export const readFile = defineTool({
  name: 'read_file',
  description: 'Read a file of the repository.',
  effects: 'external',
  // Where hundreds of rollouts act at once, a command waits for its turn.
  timeoutSeconds: 180,
  input: z.object({ path: z.string().min(1).max(500).describe('From the root of the repository: src/slug.mjs') }),
  sandboxes: ['shell'],
  run: async ({ input, sandboxes }) =>
    new TextDecoder().decode(await sandboxes.shell.readFile(input.path, { maxBytes: 100_000 })),
})
