import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { expectGrader } from '../../../src/workbench/check-grader/expect-grader.ts'
import { tools } from '../tools/index.ts'
import { price } from './price.ts'

const items = readFileSync(new URL('price.items.jsonl', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line): unknown => JSON.parse(line))

it('the grader price scores the labelled answers as they are labelled, and pays no answer that is not one', async () => {
  expect(items.length).toBeGreaterThanOrEqual(3)
  await expectGrader(price, { items, reference: 'price', tools }).toPass()
})
