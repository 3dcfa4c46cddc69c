import { readFileSync } from 'node:fs'
import type { TestContext } from 'vitest'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { AgentContext } from '../../../src/workbench/simulate/agent.ts'
import { gradingOf, post, testApp, toolCall } from '../../../test/support/app.ts'
import { useDatabase } from '../../../test/support/database.ts'
import { type LocalSandboxes, openLocalSandboxes } from '../../../test/support/sandbox/local.ts'
import { agents, type Conduct, work } from '../demo/agents.ts'
import { environment } from '../schema/environment.ts'
import { tools } from '../tools/index.ts'
import { graders } from './index.ts'

const row = z.looseObject({ messages: z.array(z.looseObject({ role: z.string(), content: z.string() })) })
const items = ['dataset', 'validation'].flatMap((name) =>
  readFileSync(new URL(`../demo/${name}.jsonl`, import.meta.url), 'utf8')
    .trim()
    .split('\n')
    .map((line) => row.parse(JSON.parse(line))),
)

const database = useDatabase()
let local: LocalSandboxes | string = 'not opened'
let app: ReturnType<typeof testApp>

beforeAll(async () => {
  local = await openLocalSandboxes(database, environment.sandboxes)
  if (typeof local === 'string') return
  app = testApp(database, { tools, graders, budget: environment.budget, sandboxes: local.sandboxes })
})
afterAll(async () => {
  if (typeof local !== 'string') await local.close()
})

/** Skips a test where this machine cannot make sandboxes, and says why. */
const needSandboxes = ({ skip }: TestContext) => {
  if (typeof local === 'string') skip(local)
}

/** Plays a rollout and grades it. */
async function play(rollout: string, item: z.infer<typeof row>, does: (context: AgentContext) => Promise<unknown>) {
  let calls = 0
  await does({
    messages: item.messages,
    question: item.messages.at(-1)?.content ?? '',
    tools: [],
    format: undefined,
    random: () => 0,
    stepsLeft: () => 30 - calls,
    signal: new AbortController().signal,
    call: async (tool, args) => {
      calls += 1
      const { status, body } = await post(app, '/tools', toolCall(tool, rollout, `${calls}`, args, item))
      expect(status).toBe(200)
      return body.output ?? ''
    },
    callTogether: () => Promise.reject(new Error('one at a time')),
  })
  const { body } = await post(app, '/grade', gradingOf(rollout, 'Done.', item))
  const [parts] = await database.sql`
    select g.parts from grades g join rollouts r on r.number = g.rollout where r.id = ${rollout}`
  return { score: body.score, parts: parts?.['parts'] }
}

const conduct = (chosen: Conduct) => (context: AgentContext) => work(context, chosen)
const [first] = items
if (first === undefined) throw new Error('the dataset is empty')

describe('the grader solved', () => {
  it('there are twenty issues', () => {
    expect(items).toHaveLength(20)
  })

  it('pays a careful agent everything for each issue', { timeout: 120_000 }, async (context) => {
    needSandboxes(context)
    const [careful] = agents
    for (const [at, item] of items.entries()) {
      const { score } = await play(`careful-${at}`, item, async (as) => careful?.play(as))
      expect([item.messages.at(-1)?.content, score]).toEqual([expect.anything(), 1])
    }
  })

  it('pays the plan without the change a quarter, and emptied tests nothing', async (context) => {
    needSandboxes(context)
    const planned = await play('planned', first, conduct({ change: 'none', plan: 'thought of' }))
    expect(planned).toMatchObject({ score: 0.25, parts: { fixed: 0, regressed: 0, plan: 1, passed: 0 } })
    const cheated = await play('cheated', first, conduct({ change: 'tests', plan: 'none' }))
    expect(cheated).toMatchObject({ score: 0, parts: { fixed: 0, plan: 0 } })
  })

  it('pays nothing for a change after which nothing loads, or which prints what it likes', async (context) => {
    needSandboxes(context)
    const broken = await play('broken', first, (as) => as.call('shell', { command: 'rm -r src' }))
    expect(broken).toMatchObject({ score: 0, parts: { fixed: 0, regressed: 1 } })
    const forged = 'echo \'console.log(JSON.stringify(["1","2","3","4"])); process.exit(0)\' > src/slug.mjs'
    const printing = await play('printing', first, (as) => as.call('shell', { command: forged }))
    expect(printing).toMatchObject({ score: 0, parts: { fixed: 0 } })
  })

  it('pays nothing for a change that never ends', { timeout: 120_000 }, async (context) => {
    needSandboxes(context)
    const endless = await play('endless', first, (as) =>
      as.call('shell', { command: 'echo "for (;;);" > src/slug.mjs' }),
    )
    expect(endless).toMatchObject({ score: 0, parts: { fixed: 0, regressed: 1 } })
  })

  it('the reference, the environment of the server and its files are not in the sandbox', async (context) => {
    needSandboxes(context)
    await play('curious', first, async (as) => {
      const seen = await as.call('shell', {
        command: 'env; cat /proc/*/environ; grep -r expected / --include=*.jsonl -l',
      })
      expect(seen).not.toMatch(/DATABASE_URL|big-news-today|dataset\.jsonl/)
      const net = await as.call('shell', {
        command: "node -e \"fetch('http://127.0.0.1:5599').catch(() => console.log('none'))\"",
      })
      expect(net).toContain('none')
    })
  })
})
