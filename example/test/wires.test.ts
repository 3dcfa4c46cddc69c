import { afterAll, beforeAll, expect, it } from 'vitest'
import { graders } from '../../graders/index.ts'
import { environment } from '../../schema/environment.ts'
import { datasetItem } from '../../src/workbench/simulate/agent.ts'
import { testApp } from '../../test/support/app.ts'
import { listening, rewardsOver } from '../../test/support/simulate/over-wires.ts'
import { tools } from '../../tools/index.ts'
import { agents } from '../agents.ts'
import { datasetRow } from '../corpus/dataset.ts'
import { generateCorpus } from '../corpus/generate.ts'
import { createCorpus } from './support/corpus.ts'

const made = generateCorpus({ pages: 60 })
const items = made.questions.slice(0, 4).map((question) => datasetItem.parse(datasetRow(question)))
let corpus: Awaited<ReturnType<typeof createCorpus>>
let server: Awaited<ReturnType<typeof listening>>

beforeAll(async () => {
  corpus = await createCorpus(made.pages)
  const { budget, readItem, submit } = environment
  server = await listening(testApp(corpus, { tools, graders, budget, readItem, submit }))
}, 60_000)
afterAll(async () => {
  await server.close()
  await corpus.drop()
})

it('the example has the same rewards over every wire', async () => {
  const played = { url: server.url, agents, items, group: 2 }
  const plain = await rewardsOver('agent-rft', played)
  expect(Object.values(plain).filter((reward) => typeof reward !== 'number')).toEqual([])
  expect(new Set(Object.values(plain)).size).toBeGreaterThan(2)
  for (const wire of ['nemo-gym', 'ors', 'mcp'] as const) {
    expect([wire, await rewardsOver(wire, played)]).toEqual([wire, plain])
  }
}, 120_000)
