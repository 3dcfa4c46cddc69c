import { describe, expectTypeOf, it } from 'vitest'
import { z } from 'zod'
import { defineEnvironment } from '../../../src/kit/define.ts'
import type { Db, Tx } from '../../../src/kit/environment.ts'
import type { TrajectoryCall } from '../../../src/kit/trajectory.ts'

// The compiler runs these tests: `npm run check` fails if a type is not inferred.

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
  it('are inferred in a tool without effects', () => {
    defineTool({
      ...head,
      effects: 'none',
      async run({ input, task, db, readState, execution, signal, rolloutId, ...rest }) {
        expectTypeOf(input).toEqualTypeOf<Input>()
        expectTypeOf(task).toEqualTypeOf<Readonly<Task>>()
        expectTypeOf(db).toEqualTypeOf<Db>()
        expectTypeOf(execution).toBeNumber()
        expectTypeOf(rolloutId).toBeString()
        expectTypeOf(signal).toEqualTypeOf<AbortSignal>()
        expectTypeOf(await readState()).toEqualTypeOf<{ read: string[] }>()
        expectTypeOf(rest).not.toHaveProperty('tx')
        expectTypeOf(rest).not.toHaveProperty('updateState')
        return input.path
      },
    })
  })

  it('are inferred in a tool that writes to the database', () => {
    defineTool({
      ...head,
      effects: 'database',
      run({ input, task, tx, state, ...rest }) {
        expectTypeOf(input).toEqualTypeOf<Input>()
        expectTypeOf(task).toEqualTypeOf<Readonly<Task>>()
        expectTypeOf(tx).toEqualTypeOf<Tx>()
        expectTypeOf(state).toEqualTypeOf<{ read: string[] }>()
        expectTypeOf(rest).not.toHaveProperty('db')
        return { read: state.read.push(input.path) }
      },
    })
  })

  it('are inferred in a tool with external effects', () => {
    defineTool({
      ...head,
      effects: 'external',
      async run({ input, task, db, updateState, ...rest }) {
        expectTypeOf(input).toEqualTypeOf<Input>()
        expectTypeOf(task).toEqualTypeOf<Readonly<Task>>()
        expectTypeOf(db).toEqualTypeOf<Db>()
        updateState((state) => {
          expectTypeOf(state).toEqualTypeOf<{ read: string[] }>()
        })
        expectTypeOf(rest).not.toHaveProperty('tx')
        return null
      },
    })
  })

  it('are inferred in a grader, including the reference', () => {
    defineGrader({
      name: 'one',
      version: '1',
      range: [0, 2],
      grade({ sample, task, reference, trajectory, state }) {
        expectTypeOf(sample.output_text).toBeString()
        expectTypeOf(task).toEqualTypeOf<Readonly<Task>>()
        expectTypeOf(reference).toEqualTypeOf<Readonly<{ answer: string; n: number }>>()
        expectTypeOf(trajectory).toEqualTypeOf<readonly TrajectoryCall[]>()
        expectTypeOf(state).toEqualTypeOf<{ read: string[] }>()
        return { score: reference.n, parts: { n: reference.n } }
      },
    })
  })

  it('hide the reference from every tool', () => {
    const input = z.object({})
    defineTool({
      ...head,
      input,
      effects: 'none',
      // @ts-expect-error the context of a tool has no reference
      run: ({ reference }) => String(reference),
    })
    defineTool({
      ...head,
      input,
      effects: 'database',
      // @ts-expect-error the answer is not part of the task
      run: ({ task }) => String(task.answer),
    })
    defineTool({
      ...head,
      input,
      effects: 'external',
      // @ts-expect-error the context of a tool has no item
      run: ({ item }) => String(item),
    })
  })

  it('are inferred in the submit', () => {
    const environment = defineEnvironment({
      task: z.object({ question: z.string() }),
      reference: z.object({}),
      state: z.object({}),
      submit: {
        name: 'submit',
        input: z.object({ answer: z.string(), unit: z.string().default('USD') }),
        sample(input) {
          expectTypeOf(input).toEqualTypeOf<{ answer: string; unit: string }>()
          return `${input.answer} ${input.unit}`
        },
      },
    })
    environment.defineGrader({
      name: 'one',
      version: '1',
      grade({ task }) {
        expectTypeOf(task).toEqualTypeOf<Readonly<{ question: string }>>()
        return 1
      },
    })
  })

  it('reject invalid definitions', () => {
    const parts = { task: z.object({}), reference: z.object({}), state: z.object({}) }
    const input = z.object({ answer: z.string() })
    // @ts-expect-error a sample is text or has a text
    defineEnvironment({ ...parts, submit: { name: 'submit', input, sample: () => 1 } })
    // @ts-expect-error undefined is not a valid output
    defineTool({ ...head, effects: 'none', run: () => undefined })
    // @ts-expect-error the value of `effects` is invalid
    defineTool({ ...head, effects: 'some', run: () => '' })
    // @ts-expect-error the input of a tool must be an object
    defineTool({ ...head, input: z.string(), effects: 'none', run: () => '' }).name
    // @ts-expect-error a string is not a valid score
    defineGrader({ name: 'one', version: '1', grade: () => '1' })
    // @ts-expect-error a grader must have a version
    defineGrader({ name: 'one', grade: () => 1 })
  })
})
