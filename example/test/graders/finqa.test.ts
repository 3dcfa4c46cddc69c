import { describe, expect, it } from 'vitest'
import { finqa } from '../../../graders/finqa.ts'
import { grade } from '../support/grading.ts'

const asked = (content: unknown) => [
  { role: 'developer', content: 'Answer in thousands, with the number alone.' },
  { role: 'user', content },
]
const scoreOf = async (answer: string, content: unknown = 'What was the revenue of Quill Harbor in 2012?') =>
  (await grade(finqa, { messages: asked(content), reference_answer: '117.5' }, answer)).parts?.['answer']

describe('the grader of the financial questions', () => {
  it.each([
    '<think>100.0 plus 17.5</think>117.5',
    '100.0 plus 17.5 is it.</think>\n117.5',
    '<thinking>or 120?</thinking> 117.5',
  ])('scores what follows the reasoning: %j', async (answer) => expect(await scoreOf(answer)).toBe(1))

  it.each([
    '<think>It is 117.5',
    '<think>It is 117.5</think>',
    '<answer>117.5</answer>',
    '{"answer": 117.5}',
    'Revenue rose.\nAnswer: 117.5',
    'It is \\boxed{117.5}, I am sure.',
  ])('reads no other form of an answer: %j', async (answer) => expect(await scoreOf(answer)).toBe(0))

  it('takes the scale from the question, whether it is a text or parts, and from no other message', async () => {
    const question = 'What was the revenue of Quill Harbor in 2012, in millions?'
    for (const content of [question, [{ type: 'text', text: question }]]) {
      expect(await scoreOf('117,500,000', content)).toBe(1)
      expect(await scoreOf('117.5 million', content)).toBe(1)
      expect(await scoreOf('117.5 thousand', content)).toBe(0)
    }
    expect(await scoreOf('117,500,000')).toBe(0)
    expect(await scoreOf('117.5 million')).toBe(1)
  })
})
