import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { defineEnvironment } from '../../../src/kit/define.ts'

/** An expression whose value is known once the change is made. The value stays on the server. */
const testCase = z.object({
  /** `fix`: wrong before the change. `keep`: right before it, and after it. */
  kind: z.enum(['fix', 'keep']),
  code: z.string(),
  /** The value as JSON. */
  expected: z.string(),
})

/** YOURS: an issue in one of the repositories, and how its change is judged. */
export const environment = defineEnvironment({
  task: z.object({
    messages: z.array(z.looseObject({ role: z.string(), content: z.unknown() })),
    repository: z.enum(['textkit', 'ledgerbook', 'scheduler']),
  }),
  reference: z.object({
    /** The files that have to change. */
    files: z.array(z.string()).min(1),
    /** The module that the cases import from, and what. */
    module: z.string(),
    imports: z.array(z.string()),
    cases: z.array(testCase).min(1),
  }),
  state: z.object({ plan: z.array(z.string()).nullable().default(null) }),
  budget: { calls: 30 },
  // What cannot be gamed: values that only a right change computes.
  trusted: 'fixed',
  // Each rollout has a copy of the repository of its own, without network, and closes it at its end.
  sandboxes: {
    shell: {
      template: ({ repository }) => fileURLToPath(new URL(`repositories/${repository}`, import.meta.url)),
      network: false,
      memoryMb: 512,
      pids: 64,
      diskMb: 32,
      keepAfterGradingSeconds: 60,
    },
  },
})

export const { defineTool, defineGrader } = environment
