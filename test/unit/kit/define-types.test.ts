import { describe, expectTypeOf, it } from 'vitest'
import { z } from 'zod'
import { defineEnvironment } from '../../../src/kit/define.ts'
import type { Db, Tx } from '../../../src/kit/environment.ts'
import type { TrajectoryCall } from '../../../src/kit/trajectory.ts'

// What is proven here is proven by the compiler: `npm run check` fails when a type does not flow.

const { defineTool, defineGrader } = defineEnvironment({
  task: z.object({ question: z.string(), year: z.number().optional() }),
  reference: z.object({ answer: z.string(), page: z.string().nullish() }).transform(({ answer }) => ({ answer, n: 1 })),
  state: z.object({ read: z.array(z.string()).default([]) }),
  budget: { calls: 3 },
})

const head = {
  name: 'look',
  description: 'Looks.',
  input: z.object({ path: z.string(), limit: z.number().default(5), loud: z.coerce.boolean().optional() }),
}
interface Input {
  path: string
  limit: number
  loud?: boolean | undefined
}
interface Task {
  question: string
  year?: number | undefined
}

describe('the types of an environment', () => {
  it('flow into a tool that only reads', () => {
    defineTool({
      ...head,
      effects: 'none',
      async run({ input, task, db, readState, attempt, signal, rolloutId, ...rest }) {
        expectTypeOf(input).toEqualTypeOf<Input>()
        expectTypeOf(task).toEqualTypeOf<Task>()
        expectTypeOf(db).toEqualTypeOf<Db>()
        expectTypeOf(attempt).toBeNumber()
        expectTypeOf(rolloutId).toBeString()
        expectTypeOf(signal).toEqualTypeOf<AbortSignal>()
        expectTypeOf(await readState()).toEqualTypeOf<{ read: string[] }>()
        expectTypeOf(rest).not.toHaveProperty('tx')
        expectTypeOf(rest).not.toHaveProperty('updateState')
        return input.path
      },
    })
  })

  it('flow into a tool whose effects are rows', () => {
    defineTool({
      ...head,
      effects: 'database',
      run({ input, task, tx, state, ...rest }) {
        expectTypeOf(input).toEqualTypeOf<Input>()
        expectTypeOf(task).toEqualTypeOf<Task>()
        expectTypeOf(tx).toEqualTypeOf<Tx>()
        expectTypeOf(state).toEqualTypeOf<{ read: string[] }>()
        expectTypeOf(rest).not.toHaveProperty('db')
        return { read: state.read.push(input.path) }
      },
    })
  })

  it('flow into a tool that acts outside', () => {
    defineTool({
      ...head,
      effects: 'external',
      async run({ input, task, db, updateState, ...rest }) {
        expectTypeOf(input).toEqualTypeOf<Input>()
        expectTypeOf(task).toEqualTypeOf<Task>()
        expectTypeOf(db).toEqualTypeOf<Db>()
        updateState((state) => {
          expectTypeOf(state).toEqualTypeOf<{ read: string[] }>()
        })
        expectTypeOf(rest).not.toHaveProperty('tx')
        return null
      },
    })
  })

  it('flow into a grader, which alone sees the reference', () => {
    defineGrader({
      name: 'one',
      version: '1',
      range: [0, 2],
      grade({ sample, task, reference, trajectory, state }) {
        expectTypeOf(sample.output_text).toBeString()
        expectTypeOf(task).toEqualTypeOf<Task>()
        expectTypeOf(reference).toEqualTypeOf<{ answer: string; n: number }>()
        expectTypeOf(trajectory).toEqualTypeOf<readonly TrajectoryCall[]>()
        expectTypeOf(state).toEqualTypeOf<{ read: string[] }>()
        return { score: reference.n, parts: { n: reference.n } }
      },
    })
  })

  it('keep the reference from every tool', () => {
    const input = z.object({})
    defineTool({
      ...head,
      input,
      effects: 'none',
      // @ts-expect-error a tool has no reference
      run: ({ reference }) => String(reference),
    })
    defineTool({
      ...head,
      input,
      effects: 'database',
      // @ts-expect-error the task has no answer
      run: ({ task }) => String(task.answer),
    })
    defineTool({
      ...head,
      input,
      effects: 'external',
      // @ts-expect-error a tool has no item
      run: ({ item }) => String(item),
    })
  })

  it('refuse what cannot be answered or scored', () => {
    // @ts-expect-error nothing is no output
    defineTool({ ...head, effects: 'none', run: () => undefined })
    // @ts-expect-error there is no such kind of effects
    defineTool({ ...head, effects: 'some', run: () => '' })
    // @ts-expect-error the input of a tool is an object
    defineTool({ ...head, input: z.string(), effects: 'none', run: () => '' }).name
    // @ts-expect-error text is no score
    defineGrader({ name: 'one', version: '1', grade: () => '1' })
    // @ts-expect-error a grader has a version
    defineGrader({ name: 'one', grade: () => 1 })
  })
})
