import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ask } from '../../support/hostile/answers.ts'
import { openArena, readBack } from '../../support/hostile/arena.ts'
import { longTexts } from '../../support/hostile/long-texts.ts'

let arena: Awaited<ReturnType<typeof openArena>>

beforeAll(async () => {
  arena = await openArena()
})

afterAll(() => arena.close())

describe('two hundred thousand equal characters', () => {
  it('are graded, as an answer and as a label', async () => {
    const app = arena.replica()
    const grade = (output_text: string, reference_answer: string) => {
      const body = JSON.stringify({ sample: { output_text }, item: { reference_answer } })
      return ask(app, '/graders/answer', { method: 'POST', body })
    }
    for (const text of longTexts) {
      expect((await grade(`1${text}!`, '94.0')).status).toBe(200)
      expect([200, 422]).toContain((await grade('94.0', `1${text}!`)).status)
    }
  })

  it('get an answer from each tool, or a refusal that the model can read', async () => {
    const app = arena.replica()
    for (const text of longTexts) {
      for (const [name, args] of [
        ['search', { query: text.slice(0, 10_000) }],
        ['list', { path: text.slice(0, 1_000) }],
        ['cat', { path: text.slice(0, 1_000) }],
        ['reads', { [text]: 1 }],
        ['reads', text],
      ] as const) {
        const body = JSON.stringify({ name, arguments: args })
        expect((await ask(app, '/tools', { method: 'POST', body })).status).toBe(200)
      }
    }
  })
})

describe('a body of many small values', () => {
  it.each([
    ['a thousand numbers that Postgres writes out in 300 digits', `[${Array(1_000).fill('5e-324').join()}]`],
    ['empty objects', `[${Array(150_000).fill('{}').join()}]`],
    ['keys', `{${Array.from({ length: 40_000 }, (_, n) => `"${n.toString(36)}":1`).join()}}`],
    ['one key again and again', `{${Array(100_000).fill('"a":1').join()}}`],
    ['escapes of characters that cannot be stored', `"${'\\u0000\\ud800'.repeat(40_000)}"`],
    [
      'lists in lists',
      `[${Array(2_000)
        .fill('['.repeat(97) + ']'.repeat(97))
        .join()}]`,
    ],
  ])('such as %s is recorded, replayed and graded', async (kind, value) => {
    const [app, other] = [arena.replica(), arena.replica()]
    const call = {
      method: 'POST',
      body: `{"name":"writes","call_id":"a","trace_id":"many ${kind}","arguments":{"v":${value}}}`,
    }
    const first = await ask(app, '/tools', call)
    expect(first.status).toBe(200)
    expect(await ask(other, '/tools', call)).toEqual(first)
    const item = { method: 'POST', body: `{"name":"reads","trace_id":"many ${kind}","item":{"v":${value}}}` }
    expect((await ask(app, '/tools', item)).status).toBe(200)
    const grading = `{"sample":{"output_text":"","v":${value}},"trace_id":"many ${kind}"}`
    expect((await ask(app, '/grade', { method: 'POST', body: grading })).status).toBe(200)
  })

  it('leaves rows that can be read back', async () => {
    expect(await readBack(arena.home)).toBeGreaterThan(20)
  })

  it('is refused if it has more than a thousand numbers that Postgres expands to 300 digits, fifty times their length', async () => {
    const app = arena.replica()
    const numbers = `[${Array(140_000).fill('5e-324').join()}]`
    const item = { method: 'POST', body: `{"name":"reads","item":${numbers}}` }
    expect(await ask(app, '/tools', item)).toMatchObject({
      status: 400,
      text: expect.stringContaining('beyond 1e±100'),
    })
    const args = { method: 'POST', body: JSON.stringify({ name: 'reads', arguments: `{"v":${numbers}}` }) }
    expect(await ask(app, '/tools', args)).toMatchObject({
      status: 200,
      text: expect.stringContaining('beyond 1e±100'),
    })
  })
})
