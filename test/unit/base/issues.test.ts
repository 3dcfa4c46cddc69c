import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { describeIssues, hidingValues } from '../../../src/base/issues.ts'
import { defineEnvironment } from '../../../src/kit/define.ts'

const { defineTool, defineGrader } = defineEnvironment({
  task: z.object({ question: z.string() }),
  reference: z.object({ answer: z.string() }),
  state: z.object({}),
})
const order = defineTool({
  name: 'order',
  description: 'Orders something.',
  input: z.object({
    product: z.string().min(2),
    count: z.int().min(1).max(9).optional(),
    size: z.enum(['small', 'large']).optional(),
    mail: z.email('is not an address at example.com').optional(),
    tags: z.array(z.string()).max(1).optional(),
    price: z.number().gt(0).multipleOf(0.5).optional(),
    note: z.union([z.string(), z.number()]).optional(),
  }),
  effects: 'none',
  run: () => 'done',
})

const takes =
  'order takes {"product": string, "count"?: integer, "size"?: "small" | "large", "mail"?: string, "tags"?: array, ' +
  '"price"?: number, "note"?: any}'

function messageFor(args: unknown): string {
  const opened = order.open(args, { question: 'what?' })
  return opened.fits ? 'fits' : opened.message
}

describe('invalid arguments', () => {
  it.each([
    [{}, 'product: is missing, must be a string'],
    [{ product: 7 }, 'product: was 7, must be a string'],
    [{ product: null }, 'product: was null, must be a string'],
    [{ product: { name: 'pen' } }, 'product: was an object, must be a string'],
    [{ product: '' }, 'product: was "", must have at least 2 characters'],
    [{ product: 'pen', count: 'two' }, 'count: was "two", must be a number'],
    [{ product: 'pen', count: 1.5 }, 'count: was 1.5, must be a whole number'],
    [{ product: 'pen', count: 10 }, 'count: was 10, must be at most 9'],
    [
      { product: 'pen', size: 'x'.repeat(100) },
      'size: was a string of 100 characters, must be one of "small", "large"',
    ],
    [{ product: 'pen', mail: 'x' }, 'mail: is not an address at example.com'],
    [{ product: 'pen', tags: ['a', 'b'] }, 'tags: was a list, must have at most 1 item'],
    [{ product: 'pen', tags: [1] }, 'tags[0]: was 1, must be a string'],
    [{ product: 'pen', price: 0 }, 'price: was 0, must be more than 0'],
    [{ product: 'pen', price: 0.7 }, 'price: was 0.7, must be a multiple of 0.5'],
    [{ product: 'pen', note: true }, 'note: was true, must be a string or a number'],
    [['pen'], 'arguments: was a list, must be an object'],
  ])('%j: the message names the field, its value, the requirement and the parameters of the tool', (args, problem) => {
    expect(messageFor(args)).toBe(`${problem}. ${takes}; call it again with those`)
  })

  it('are described with their unknown fields', () => {
    expect(messageFor({ item: 'pen', constructor: 1 })).toBe(
      `product: is missing, must be a string. ${takes}, and no "item", "constructor"; call it again with those`,
    )
  })
})

describe('an invalid item', () => {
  it('does not appear in the message, because it holds the answer', () => {
    const grader = defineGrader({ name: 'g', version: '1', grade: () => 1 })
    const item = { question: 'what?', answer: 42 }
    const opened = grader.open(item)
    expect(opened.fits ? 'fits' : opened.message).toBe('item.answer: was a number, must be a string')
    const call = order.open({ product: 'pen' }, { question: 42 })
    expect(call.fits ? 'fits' : call.message).toBe('item.question: was a number, must be a string')
  })
  it('with a label that may be text, a number or a large integer must have a text or a number', () => {
    const label = z.union([z.string(), z.number(), z.bigint()])
    const read = z.object({ label }).safeParse({ label: ['8'] }, hidingValues)
    expect(describeIssues(read.error ?? new z.ZodError([]))).toBe('label: was a list, must be a string or a number')
  })
})
