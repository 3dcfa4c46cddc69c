import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { readJsonGraders } from '../../../src/runtime/openai-graders/read-json-graders.ts'
import { gradingOf, post, testApp } from '../../../test/support/app.ts'
import { useDatabase } from '../../../test/support/database.ts'

const graders = new URL('../../graders/', import.meta.url)
const database = useDatabase()

it('answer-and-wording scores the answer, and a little for the wording', async () => {
  expect(JSON.parse(readFileSync(new URL('answer-and-wording.json', graders), 'utf8'))).toMatchObject({ type: 'multi' })
  const app = testApp(database, { jsonGraders: readJsonGraders(graders) })
  const item = { reference_answer: '94', reference_explanation: 'the sum of both years' }
  const score = async (output: string) => {
    const { body } = await post(app, '/graders/answer-and-wording', gradingOf(`wording ${output}`, output, item))
    return body.score
  }
  expect(await score('{"answer": "94", "explanation": "the sum of both years"}')).toBe(1)
  expect(await score('{"answer": "94", "explanation": "nothing alike"}')).toBeCloseTo(0.8, 10)
  expect(await score('{"answer": "95", "explanation": "the sum of both years"}')).toBe(0)
  expect(await score('94')).toBe(0)
})
