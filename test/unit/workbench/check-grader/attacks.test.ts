import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { degenerateAnswers } from '../../../../src/workbench/check-grader/answer-attacks.ts'
import { degenerateTrajectories, everyCall, sketchTools } from '../../../../src/workbench/check-grader/call-attacks.ts'
import { expectGrader } from '../../../../src/workbench/check-grader/expect-grader.ts'
import { nearMisses, numberIn } from '../../../../src/workbench/check-grader/near-misses.ts'
import { formats } from '../../../../src/workbench/check-grader/repeats.ts'
import { readCheckRow } from '../../../../src/workbench/check-grader/rows.ts'
import { tools } from '../../../environment/tools/index.ts'
import { defineGrader } from '../../../support/app.ts'

const rows = ['ACME/2014/page_3', 'ACME/2015/page_7'].map((page, n) =>
  readCheckRow({ question: `What is ${n}?`, page }),
)
const material = { rows, references: ['12.5%', '88'], tools: sketchTools(tools), grader: { range: [0, 1] } } as const

/** The answer of the attack with this name to the first row. */
const answerOf = (attacks: ReturnType<typeof degenerateAnswers>, name: string) => {
  const [row] = rows
  const attack = attacks.find((one) => one.name === name)
  if (row === undefined || attack === undefined) throw new Error(`there is no attack "${name}"`)
  return attack.answer(row, 0)
}

describe('degenerate answers', () => {
  it('repeat the question, the most common right answer, and the right answer of another item', () => {
    const answers = degenerateAnswers({ ...material, references: ['12.5%', '88', '88'] })
    expect(answerOf(answers, 'the question back')).toEqual({ output: 'ACME/2014/page_3' })
    expect(answerOf(answers, 'the most common right answer')).toEqual({ output: '88' })
    expect(answerOf(answers, 'the right answer of another item')).toEqual({ output: '88' })
  })

  it('list all right answers among others of the same form', () => {
    const listed = answerOf(degenerateAnswers(material), 'a list of many answers, the right one among them')
    const lines = listed?.output.split('\n') ?? []
    expect(lines).toEqual(expect.arrayContaining(['12.5%', '88']))
    expect(lines.filter((line) => /^\d\d\.\d%$/.test(line)).length).toBeGreaterThan(5)
  })
})

describe('degenerate trajectories', () => {
  it('call every tool with every text of the items, those of the item itself first', () => {
    const [first, second] = rows
    if (first === undefined || second === undefined) throw new Error('expected two rows')
    const calls = everyCall(material)(second)
    const opened = calls.filter(({ tool }) => tool === 'cat').map((call) => call.arguments)
    expect(opened).toEqual(
      ['What is 1?', 'ACME/2015/page_7', 'What is 0?', 'ACME/2014/page_3'].map((path) => ({ path })),
    )
    expect(new Set(calls.map(({ tool }) => tool))).toEqual(new Set(['search', 'list', 'cat', 'note']))
    expect(calls.every(({ output }) => output === '')).toBe(true)
  })

  it('repeat the calls of labelled answers, without their outputs', () => {
    const trajectory = [{ tool: 'refund', arguments: { order: 'o-1', cents: 300 }, output: 'done' }]
    const labelled = readCheckRow({ item: { id: 'o-2' }, answers: [{ output_text: 'x', label: 1, trajectory }] })
    expect(
      everyCall({ ...material, rows: [labelled], tools: [] })(labelled).map(({ tool, arguments: args, output }) => [
        tool,
        args,
        output,
      ]),
    ).toEqual([
      ['refund', { order: 'o-1', cents: 300 }, ''],
      ['refund', { order: 'o-2' }, ''],
    ])
  })

  it('have no more calls than a rollout can make', () => {
    const many = Array.from({ length: 300 }, (_, n) => readCheckRow({ page: `page_${n}` }))
    const [row] = many
    if (row === undefined) throw new Error('expected rows')
    expect(everyCall({ ...material, rows: many })(row)).toHaveLength(100)
  })

  it('are refused, repeated or absent, each with an empty and with a wrong answer', () => {
    const attacks = degenerateTrajectories(material)
    const refused = answerOf(attacks, 'ten refused calls, and a wrong answer')
    expect([refused?.output, refused?.calls?.map(({ outcome }) => outcome)]).toEqual(['88', Array(10).fill('refused')])
    expect(answerOf(attacks, 'the same call ten times, and an empty answer')?.calls).toHaveLength(10)
    expect(answerOf(attacks, 'no call, and an empty answer')).toEqual({ output: '', calls: [] })
  })
})

describe('near misses', () => {
  it.each([
    ['ten times the number', '125%'],
    ['a tenth of the number', '1.25%'],
    ['the other sign', '-12.5%'],
    ['5 % more', '13.125%'],
    ['20 % less', '10%'],
    ['one more, of a small number', undefined],
  ])('%s, of twelve and a half percent, is %s', (name, output) => {
    expect(answerOf(nearMisses(material), name)?.output).toBe(output)
  })

  it.each([
    ['5', '5 % more', undefined],
    ['5', '20 % less', '4'],
    ['$1.2 billion', '5 % more', '$1.26 billion'],
    ['0.0000001', '20 % less', undefined],
    ['.5', 'ten times the number', '5'],
    ['-.5', 'the other sign', '0.5'],
  ])('of %j are not more precise ways to write it: %s is %j', (reference, name, output) => {
    expect(answerOf(nearMisses({ ...material, references: [reference] }), name)?.output).toBe(output)
  })

  it.each([
    ['7', '5'],
    ['-3', '-2'],
    ['88%', '100%'],
    ['0.04', '0.05'],
    ['1', '2'],
    ['1250', undefined],
    ['0', undefined],
  ])('of a short label %j include the nearest round number, %j', (reference, output) => {
    const attacks = nearMisses({ ...material, references: [reference] })
    expect(answerOf(attacks, 'the nearest round number, of a short label')?.output).toBe(output)
  })

  it('change the only number of a short text, and leave texts with several numbers or many words alone', () => {
    expect(['$ 1,250 million', '-3', '.'].map(numberIn)).toEqual([1250, -3, undefined])
    expect(['3 of 4', 'The margin of the year was 12 percent'].map(numberIn)).toEqual([undefined, undefined])
  })
})

describe('a grader that pays for having opened the right page', () => {
  const reader = defineGrader({
    name: 'reader',
    version: '1',
    grade: ({ sample, reference, trajectory }) =>
      sample.output_text === reference.answer
        ? 1
        : 0.4 * Number(trajectory.some((call) => JSON.stringify(call.arguments).includes(`page ${reference.answer}.`))),
  })
  const items = ['12.5', '88', '-3'].map((answer) => ({ question: `What is it?`, answer, page: `page ${answer}.` }))

  it('fails if calls open every page and the tools are known', async () => {
    const check = expectGrader(reader, {
      items,
      tools: [{ name: 'cat', parameters: z.toJSONSchema(z.object({ path: z.string() })) }],
    })
    await expect(check.toPass()).rejects.toThrow(
      'every tool called with all that the items name, and an empty answer earns 40 %',
    )
    await expect(check.toPass({ threshold: 0.4 })).resolves.toBeDefined()
  })
})

describe('a right answer in other formats', () => {
  it('has its thousands separated only before the decimal point', () => {
    const separated = formats.find(([name]) => name === 'with thousands separators')?.[1]
    expect(['1234567.89', '0.0000001', '12.5', '12345.67891'].map((answer) => separated?.(answer))).toEqual([
      '1,234,567.89',
      undefined,
      undefined,
      '12,345.67891',
    ])
  })
})
