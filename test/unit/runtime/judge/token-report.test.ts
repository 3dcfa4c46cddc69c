import { expect, it } from 'vitest'
import { startTokenReport } from '../../../../src/runtime/judge/token-usage.ts'
import { verdict } from '../../../support/judge/model-server.ts'
import { serving } from '../../../support/judge/serving.ts'

const serve = serving()

it('the token report shows what each model has used, after each increase and at the end', async () => {
  const { ask, client } = await serve(() => verdict(1))
  const lines: unknown[] = []
  const end = startTokenReport({
    usage: client.usage,
    report: ({ code, model, total_tokens }) => lines.push([code, model, total_tokens]),
    everyMs: 5,
  })
  await ask()
  await expect.poll(() => lines).toEqual([['judge_tokens', 'm', 15]])
  await ask({ model: 'other' })
  await expect.poll(() => lines.slice(1)).toEqual([['judge_tokens', 'other', 15]])
  await ask({ answer: 'another' })
  end()
  end()
  expect(lines.slice(2)).toEqual([['judge_tokens', 'm', 30]])
})
