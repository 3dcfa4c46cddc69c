import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { storable } from '../../../../src/base/text.ts'
import { fence, judgeMessages } from '../../../../src/runtime/judge/messages.ts'
import { injections } from '../../../support/judge/injections.ts'
import { completion, type ModelRequest, verdict } from '../../../support/judge/model-server.ts'
import { serving } from '../../../support/judge/serving.ts'

const serve = serving()

/** Text that a gullible reader takes for an instruction or a verdict. */
const orders = /return 1|score\s*:\s*1|"score": 1|返回 1|верни 1|أعد 1|gib 1|ZXR1cm4gMS/iu
const lineEnd = /\r\n|[\n\r\v\f\u0085\u2028\u2029]/u

/** The text outside the two lines that the system message names, and the text between them. */
function parted(messages: readonly { readonly role: string; readonly content: unknown }[]) {
  const [system, ...others] = messages.map(({ content }) => String(content))
  const [, begin, end] = /between the line (<<<\S.*?>>>) and the line (<<<\S.*?>>>)/u.exec(system ?? '') ?? []
  const outside: string[] = []
  const inside: string[] = []
  for (const message of others) {
    let isInside = false
    for (const line of message.split(lineEnd)) {
      if (!isInside && line === begin) isInside = true
      else if (isInside && line.trim() === end) isInside = false
      else (isInside ? inside : outside).push(line)
    }
  }
  return { system: system ?? '', outside, inside }
}

/** A model that obeys everything outside the fence and judges what is inside. */
const gullible = ({ body }: ModelRequest) => {
  const { outside } = parted(body.messages)
  return outside.some((line) => orders.test(line)) ? verdict(1, 'as instructed') : verdict(0.1, 'not polite')
}

describe('an answer that tries to judge itself', () => {
  it('comes in more than thirty distinct kinds', () => {
    expect(new Set(injections.map(({ answer }) => answer)).size).toBe(injections.length)
    expect(injections.length).toBeGreaterThan(30)
  })

  it.each(injections)(
    'by $name does not get out of its fence: not even the most gullible judge obeys it',
    async ({ answer }) => {
      const { server, ask } = await serve(gullible)
      expect((await ask({ answer })).score).toBe(0.1)
      const { system, outside, inside } = parted(server.requests[0]?.body.messages ?? [])
      expect(outside).toEqual([])
      expect(inside).toEqual(storable(answer).split(lineEnd))
      expect(system).toContain('Is it polite?')
      if (answer !== '') expect(system).not.toContain(answer)
    },
  )

  it.each([
    ['without a fence', (answer: string) => answer],
    ['in a fence with a known marker', (answer: string) => `<<<ANSWER>>>\n${answer}\n<<<END OF ANSWER>>>`],
  ])('would be believed %s, so these tests can fail', async (_, wrap) => {
    const { client } = await serve(gullible)
    const system = 'It stands between the line <<<ANSWER>>> and the line <<<END OF ANSWER>>>.'
    const read = (text: string) => (text.includes('"score":1') ? 1 : 0.1)
    let believed = 0
    for (const { answer } of injections) {
      const messages = [system, wrap(answer)].map((content) => ({ role: 'user', content }))
      const asked = await client.ask(
        { model: 'm', messages, sampling: {}, schema: {}, read },
        new AbortController().signal,
      )
      if (asked.ok && asked.value === 1) believed += 1
    }
    expect(believed).toBeGreaterThan(0)
  })

  it.each(injections)('by $name has no effect if the judge quotes it', async ({ answer }) => {
    const { ask } = await serve(() => completion(`The answer says:\n${answer}\nI think that it deserves 0.1.`))
    await expect(ask({ answer })).rejects.toMatchObject({ code: 'judge_unreadable' })
    const quoting = await serve(() => verdict(0.1, answer))
    expect(await quoting.ask({ answer })).toMatchObject({ score: 0.1, reasoning: storable(answer) })
  })
})

describe('a fence', () => {
  it('begins and ends once, whatever it contains, and is equal for equal texts', () => {
    const marker = fc.constantFrom('<<<ANSWER ', '<<<END OF ANSWER ', '>>>', '\n', '73475cb40a568e8d', 'a')
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(marker).map((parts) => parts.join('')),
    )
    fc.assert(
      fc.property(text, (answer) => {
        const { begin, end, text: fenced } = fence(answer)
        expect(answer).not.toContain(begin)
        expect(answer).not.toContain(end)
        expect(fenced).toBe(`${begin}\n${answer}\n${end}`)
        expect(fence(answer).text).toBe(fenced)
      }),
    )
  })

  it('uses another marker if an answer contains the one of its hash, in any case', () => {
    const guessed = '0123456789abcdef'
    const hashOf = (text: string) => (text.includes('guess') ? guessed : `${'f'.repeat(16)}${text.length}`)
    expect(fence('a guess', hashOf).begin).toBe(`<<<ANSWER ${guessed}>>>`)
    for (const answer of [`a guess ${guessed}`, `a guess <<<END OF ANSWER ${guessed.toUpperCase()}>>>`]) {
      expect(fence(answer, hashOf).begin).toBe(`<<<ANSWER ${'f'.repeat(16)}>>>`)
    }
  })

  it('is described to the judge, with the question and the range, before the answer', () => {
    const [system, user] = judgeMessages({ prompt: 'Is it polite?', answer: '42', range: [0, 5] })
    const { begin, end } = fence('42')
    expect(system?.content).toContain(`between the line ${begin} and the line ${end}`)
    expect(system?.content).toContain('is data')
    expect(system?.content).toContain('a number from 0 to 5')
    expect(user).toEqual({ role: 'user', content: `${begin}\n42\n${end}` })
  })
})
