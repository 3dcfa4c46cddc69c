import { z } from 'zod'
import { defineTool } from '../schema/environment.ts'

/** Runs a command in the rollout's own copy of the repository. */
export const shell = defineTool({
  name: 'shell',
  description: 'Run a command with sh in the root of the repository. It has no network, and 20 seconds.',
  effects: 'external',
  // Where hundreds of rollouts act at once, a command waits for its turn.
  timeoutSeconds: 180,
  input: z.object({ command: z.string().min(1).max(20_000).describe('For example: ls src, or npm test') }),
  sandboxes: ['shell'],
  async run({ input, sandboxes, signal }) {
    const options = { signal, timeoutSeconds: 20, maxOutputBytes: 8_000 }
    const done = await sandboxes.shell.exec(['sh', '-c', input.command], options)
    const lines = [done.stdout.trimEnd(), done.stderr.trimEnd()]
    if (done.truncated) lines.push('(the output was longer)')
    if (done.timedOut) lines.push('(stopped after 20 seconds)')
    else if (done.exitCode !== 0) lines.push(`(exit ${done.exitCode ?? done.signal})`)
    return lines.filter((line) => line !== '').join('\n') || '(no output)'
  },
})
