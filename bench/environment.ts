import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { defineEnvironment } from '../src/kit/define.ts'
import { scoreNumber } from '../src/kit/scoring/numbers.ts'

/** The environment of the benches: items as trainers send them, a state, a budget. */
export const environment = defineEnvironment({
  task: z.object({ messages: z.array(z.unknown()) }),
  reference: z.object({ reference_answer: z.string() }),
  state: z.object({ count: z.number().default(0) }),
  budget: { calls: 10 },
})

const { defineTool, defineGrader } = environment

/** The arguments of every tool. */
export const toolInput = z.object({ query: z.string() })

const head = { description: 'Answers at once.', input: toolInput }

/** A text of this many bytes. */
export function pageOf(bytes: number): string {
  return 'The net revenue is 94.0; see note 7. '.repeat(bytes / 37 + 1).slice(0, bytes)
}

/** One tool of each kind that does next to nothing, and one that sleeps; with `outputBytes`, the outputs are as long. */
export function benchTools(sleepSeconds: number, outputBytes = 0) {
  const page = pageOf(outputBytes)
  const answer = (short: string | number) => (outputBytes > 0 ? page : short)
  return [
    defineTool({ ...head, name: 'none', effects: 'none', run: ({ input }) => answer(input.query) }),
    defineTool({
      ...head,
      name: 'database',
      effects: 'database',
      run({ state }) {
        state.count += 1
        return answer(state.count)
      },
    }),
    defineTool({ ...head, name: 'external', effects: 'external', run: ({ input }) => answer(input.query) }),
    defineTool({
      ...head,
      name: 'sleep',
      effects: 'external',
      timeoutSeconds: sleepSeconds + 60,
      async run({ input, signal }) {
        await sleep(sleepSeconds * 1000, undefined, { signal })
        return input.query
      },
    }),
  ]
}

/** Scores the number of calls: costs nothing. */
export const callsGrader = defineGrader({
  name: 'calls',
  version: '1',
  range: [0, 10],
  grade: ({ trajectory }) => trajectory.length,
})

/** Compares numbers and looks at the trajectory, as a real grader does. */
export const numericGrader = defineGrader({
  name: 'numeric',
  version: '1',
  grade({ sample, reference, trajectory }) {
    const answer = scoreNumber(sample.output_text, reference.reference_answer).score
    const efficiency = trajectory.length <= 3 ? 1 : 0.9
    return { score: answer * efficiency, parts: { answer, efficiency } }
  },
})
