import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineEnvironment } from '../../../src/kit/define.ts'

const parts = { task: z.object({}), reference: z.object({}), state: z.object({}) }
const { defineTool, defineGrader } = defineEnvironment(parts)

const tool = (more: object) =>
  defineTool({ name: 'look', description: 'Looks.', input: z.object({}), effects: 'none', run: () => '', ...more })
const grader = (more: object) => defineGrader({ name: 'one', version: '1', grade: () => 1, ...more })

describe('an environment', () => {
  it('is rejected if its state does not parse {}, with the field that needs a default', () => {
    const state = z.object({ read: z.array(z.string()), note: z.string().default('') })
    const define = () => defineEnvironment({ ...parts, state })
    expect(define).toThrow(/state must parse \{\}.*read.*give its fields defaults/s)
    expect(define).not.toThrow(/note/)
    expect(() => defineEnvironment({ ...parts, state: z.array(z.string()) })).toThrow('state must parse {}')
  })

  it.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])('is rejected with a budget of %s calls', (calls) => {
    expect(() => defineEnvironment({ ...parts, budget: { calls } })).toThrow(
      `budget.calls was ${calls}; it must be a positive whole number`,
    )
  })

  it('is rejected if its task schema would show the reference to tools', () => {
    const task = z.looseObject({ question: z.string() })
    expect(() => defineEnvironment({ ...parts, task })).toThrow('would show tools the reference')
  })

  it('has the given budget, or none', () => {
    expect(defineEnvironment({ ...parts, budget: { calls: 1 } }).budget).toBe(1)
    expect(defineEnvironment(parts).budget).toBeUndefined()
  })
})

describe('the context of a tool', () => {
  it('has a signal that is made when it is read, also of a copy, and not before', async () => {
    const made: AbortSignal[] = []
    const read: boolean[] = []
    const aborted = defineTool({
      name: 'look',
      description: 'Looks.',
      input: z.object({ reads: z.boolean() }),
      effects: 'none',
      run(context) {
        read.push('signal' in context)
        if (!context.input.reads) return ''
        return String({ ...context }.signal === made[0] && context.signal.aborted)
      },
    })
    if (aborted.effects !== 'none') throw new Error('another tool')
    const signal = () => {
      made.push(made[0] ?? AbortSignal.abort())
      return made[0] ?? AbortSignal.abort()
    }
    const db = z.custom<never>().parse(undefined)
    const rest = {
      run: 'default',
      rolloutId: 'r',
      callId: 'c',
      execution: 1,
      readState: async () => ({}),
      embed: undefined,
    }
    const call = async (reads: boolean) => {
      const opened = aborted.open({ reads }, {})
      return opened.fits && (await opened.run({ ...rest, db, signal }))
    }
    expect([await call(false), made.length]).toEqual(['', 0])
    expect([await call(true), read]).toEqual(['true', [true, true]])
  })
})

describe('the submit of an environment', () => {
  const input = z.object({ answer: z.string().min(1), unit: z.string().default('USD') })
  const submitOf = (more: object = {}) =>
    defineEnvironment({
      ...parts,
      submit: { name: 'submit', input, sample: ({ answer, unit }) => `${answer} ${unit}`, ...more },
    }).submit

  it('turns arguments into the sample that graders see', () => {
    expect(submitOf()?.open({ answer: '94' })).toEqual({ fits: true, sample: { output_text: '94 USD' } })
    const sample = () => ({ output_text: '94', output_json: { answer: 94 } })
    expect(submitOf({ sample })?.open({ answer: '94' })).toEqual({ fits: true, sample: sample() })
  })

  it('tells the model what is wrong with its arguments', () => {
    expect(submitOf()?.open({ reply: '94' })).toEqual({
      fits: false,
      message: expect.stringMatching(/^invalid arguments: answer: is missing.*submit takes .*no "reply"/),
    })
  })

  it('has a description and the JSON Schema of its arguments', () => {
    expect(submitOf()).toMatchObject({ description: 'Submit the final answer. This ends the task.' })
    expect(submitOf({ description: 'Answer.' })).toMatchObject({
      name: 'submit',
      description: 'Answer.',
      parameters: { type: 'object', required: ['answer'], additionalProperties: false },
    })
  })

  it('is rejected with a name that models do not accept', () => {
    expect(() => submitOf({ name: 'two words' })).toThrow('submit has the invalid name "two words"')
  })

  it('is undefined in an environment without one', () => {
    expect(defineEnvironment(parts).submit).toBeUndefined()
  })
})

describe.each([
  ['tool', tool],
  ['grader', grader],
] as const)('a %s', (kind, define) => {
  it.each(['', ' ', 'two words', 'a/b', 'ü', 'a.b', 'x'.repeat(65), '../cat'])(
    'is rejected with the name "%s"',
    (name) => {
      expect(() => define({ name })).toThrow(`invalid ${kind} name "${name}"`)
    },
  )

  it.each(['a', 'look_up-2', 'X'.repeat(64), '0'])('may be named "%s"', (name) => {
    expect(define({ name }).name).toBe(name)
  })

  it.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY, 1e9])(
    'is rejected with a timeout of %s seconds',
    (timeoutSeconds) => {
      expect(() => define({ timeoutSeconds })).toThrow(`timeoutSeconds ${timeoutSeconds}; it must be more than 0`)
    },
  )

  it('may have its own timeout', () => {
    expect(define({ timeoutSeconds: 0.5 }).timeoutSeconds).toBe(0.5)
    expect(define({}).timeoutSeconds).toBeUndefined()
  })
})

describe('a tool', () => {
  it('is rejected if its input cannot be converted to JSON Schema', () => {
    expect(() => tool({ input: z.object({ when: z.date() }) })).toThrow(
      'the input schema of the tool "look" cannot be converted to JSON Schema',
    )
  })
})

describe('a grader', () => {
  it.each([[[1, 0]], [[1, 1]], [[0, Number.POSITIVE_INFINITY]], [[Number.NaN, 1]]])(
    'is rejected with the range %s',
    (range) => {
      expect(() => grader({ range })).toThrow('use two finite numbers, the lower one first')
    },
  )

  it('has the range [0, 1] by default', () => {
    expect(grader({}).range).toEqual([0, 1])
    expect(grader({ range: [-1, 1] }).range).toEqual([-1, 1])
  })
})
