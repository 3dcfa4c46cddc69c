import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { graders } from '../../graders/index.ts'
import { expectAnyBodyAnswered } from '../../test/support/agent-rft/any-body.ts'
import { testApp } from '../../test/support/app.ts'
import { ask } from '../../test/support/hostile/answers.ts'
import { openArena } from '../../test/support/hostile/arena.ts'
import { longTexts } from '../../test/support/hostile/long-texts.ts'
import { tools } from '../../tools/index.ts'
import { createCorpus, page } from './support/corpus.ts'

let home: Awaited<ReturnType<typeof createCorpus>>
let arena: Awaited<ReturnType<typeof openArena>>

beforeAll(async () => {
  home = await createCorpus([
    page('ACME/2014/page_1', 'revenue rose to 94.0 million in 2014', [
      ['', '2014'],
      ['revenue', '94.0'],
    ]),
    page('ACME/2015/page_2', 'costs fell'),
    page('ÅB_%/2014/page_3', 'the word of the world'),
  ])
  arena = await openArena({ home, tools, graders })
})

afterAll(() => arena.close())

describe('the example', () => {
  it('answers any request body, and the same body gets the same answer again', async () => {
    await expectAnyBodyAnswered(testApp(home, { tools, graders, budget: undefined }), 200)
  })

  it('grades two hundred thousand equal characters, as an answer and as a label', async () => {
    const app = arena.replica()
    const grade = (output_text: string, reference_answer: string) => {
      const body = JSON.stringify({ sample: { output_text }, item: { reference_answer } })
      return ask(app, '/graders/finqa', { method: 'POST', body })
    }
    for (const text of longTexts) {
      expect((await grade(`1${text}!`, '94.0')).status).toBe(200)
      expect([200, 422]).toContain((await grade('94.0', `1${text}!`)).status)
    }
  })

  it('answers a call of every tool with an argument of the maximum length', async () => {
    const app = arena.replica()
    for (const text of longTexts) {
      for (const [name, args] of [
        ['search', { query: text.slice(0, 10_000) }],
        ['list', { path: text.slice(0, 1_000) }],
        ['cat', { path: text.slice(0, 1_000) }],
      ] as const) {
        const body = JSON.stringify({ name, arguments: args })
        expect((await ask(app, '/tools', { method: 'POST', body })).status).toBe(200)
      }
    }
  })
})
