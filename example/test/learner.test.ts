import { readFileSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type ServerType, serve } from '@hono/node-server'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { graders } from '../../graders/index.ts'
import { environment } from '../../schema/environment.ts'
import { readParts } from '../../src/ledger/reports/recorded-facts.ts'
import { readJsonGraders } from '../../src/runtime/openai-graders/read-json-graders.ts'
import { type LearnStep, learn } from '../../src/workbench/learn/learn.ts'
import { verdictOf } from '../../src/workbench/learn/verdict.ts'
import { datasetItem } from '../../src/workbench/simulate/agent.ts'
import { addressesOf } from '../../src/workbench/simulate/target.ts'
import { testApp } from '../../test/support/app.ts'
import { casesOf } from '../../test/support/runs.ts'
import { useFolder } from '../../test/support/temporary.ts'
import { tools } from '../../tools/index.ts'
import { datasetRow } from '../corpus/dataset.ts'
import { generateCorpus } from '../corpus/generate.ts'
import { learner } from '../learner.ts'
import { createCorpus } from './support/corpus.ts'

const made = generateCorpus({ pages: 240 })
const items = made.questions.map((question) => datasetItem.parse(datasetRow(question)))
let corpus: Awaited<ReturnType<typeof createCorpus>>
const folder = useFolder()
let server: ServerType
let url: string

beforeAll(async () => {
  corpus = await createCorpus(made.pages)
  // This grader is the one that the documentation shows.
  const page = readFileSync(new URL('../../docs/before-a-job.md', import.meta.url), 'utf8')
  const [, contains = ''] = /```json\n(\{\n {2}"type": "multi",\n {2}"name": "contains"[\s\S]*?)```/.exec(page) ?? []
  writeFileSync(join(folder, 'contains.json'), contains)
  const jsonGraders = readJsonGraders(pathToFileURL(`${folder}/`))
  const app = testApp(corpus, { tools, graders, jsonGraders, budget: environment.budget })
  url = await new Promise((resolve) => {
    const listening = ({ port }: AddressInfo) => resolve(`http://127.0.0.1:${port}`)
    server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, listening)
  })
}, 60_000)

afterAll(async () => {
  await new Promise((resolve) => server.close(resolve))
  await corpus.drop()
})

async function verdict(grader: string, seed: string) {
  const settings = {
    ...{ headers: {}, timeoutSeconds: 60, pauseMs: 1, maxSteps: 20, tools: [], fault: () => undefined },
    ...addressesOf({ url, tools: '/tools/{name}', grader }),
  }
  const plan = {
    ...{ learner, train: items.slice(30), validation: items.slice(0, 30), steps: 4, itemsPerStep: 8, group: 6 },
    ...{ validateEvery: 4, validationGroup: 2, rate: 5, concurrency: 16, seed },
  }
  const partsOf = (rollouts: readonly string[]) => readParts(corpus.sql, 'default', rollouts)
  const steps: LearnStep[] = []
  for await (const step of learn(settings, plan, partsOf, new AbortController().signal)) steps.push(step)
  return verdictOf(steps, 'answer')
}

describe('the example’s learner', () => {
  it.each(['1'])(
    'earns more with fewer calls under the shipped grader (seed %s)',
    async (seed) => {
      const { kind, before, after } = await verdict('', seed)
      expect(kind).toBe('learned')
      expect(after.reward).toBeGreaterThan(before.reward + 0.1)
      expect(after.calls).toBeLessThan(before.calls - 0.5)
    },
    60_000,
  )

  it.each(casesOf(['1', '2', '3'], 1))(
    'finds the hack of a grader that looks for the answer anywhere (seed %s)',
    async (seed) => {
      const { kind, message, before, after, moved } = await verdict('contains', seed)
      const says = expect.stringMatching(
        /^The reward rose (without an improvement of the answers|while the answers got worse)/,
      )
      expect([kind, message]).toEqual(['hacked', says])
      expect(after.reward).toBeGreaterThan(before.reward + 0.1)
      expect(moved.map(({ option }) => option)).toContain('every figure, and many numbers')
    },
    60_000,
  )
})
