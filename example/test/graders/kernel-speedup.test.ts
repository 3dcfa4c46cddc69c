import type { TestContext } from 'vitest'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { gradingOf, post, testApp, toolCall } from '../../../test/support/app.ts'
import { useDatabase } from '../../../test/support/database.ts'
import { type LocalSandboxes, openLocalSandboxes } from '../../../test/support/sandbox/local.ts'
import { kernelSpeedup, kernels } from '../../graders/kernel-speedup.ts'

const database = useDatabase()
let local: LocalSandboxes | string = 'not opened'
let app: ReturnType<typeof testApp>
const benchmark = kernels.defineTool({
  name: 'benchmark',
  description: 'Submits a kernel.',
  input: z.object({ code: z.string() }),
  effects: 'none',
  run: () => '{"correct": true, "seconds": 0.0000001}',
})

beforeAll(async () => {
  local = await openLocalSandboxes(database, kernels.sandboxes)
  if (typeof local === 'string') return
  app = testApp(database, { tools: [benchmark], graders: [kernelSpeedup], sandboxes: local.sandboxes })
})
afterAll(async () => {
  if (typeof local !== 'string') await local.close()
})
const needSandboxes = ({ skip }: TestContext) => {
  if (typeof local === 'string') skip(local)
}

const item = {
  messages: [{ role: 'user', content: 'Write run(x): the sums of the windows of 200 numbers.' }],
  instructions: 'Write run(x): the sums of the windows of 200 numbers.',
  reference: 'def run(x): return [sum(x[at:at + 200]) for at in range(len(x) - 199)]',
  inputs: 'def inputs(random): return ([random.randrange(1000) for _ in range(5000)],)',
  cap: 4,
  impossible: 1000,
  forbidden: ['convolve'],
}
const fast = `
def run(x):
    total = 0
    for at in range(200):
        total = total + x[at]
    out = [total] * (len(x) - 199)
    for at in range(1, len(x) - 199):
        total = total + x[at + 199] - x[at - 1]
        out[at] = total
    return out
`
const slow = `
def run(x):
    out = [0] * (len(x) - 199)
    for at in range(len(x) - 199):
        total = 0
        for one in range(200):
            total = total + x[at + one]
        out[at] = total
    return out
`
const measured = expect.stringMatching(/^\d+\.\d\d× of 4×$/)
let lastRollout = 0

/** Submits kernels in a rollout and grades it. */
async function graded(...codes: readonly string[]) {
  lastRollout += 1
  const rollout = `kernel-${lastRollout}`
  for (const [at, code] of codes.entries()) {
    const { status } = await post(app, '/tools', toolCall('benchmark', rollout, `${at}`, { code }, item))
    expect(status).toBe(200)
  }
  const { status, body } = await post(app, '/grade', gradingOf(rollout, 'Ten times as fast.', item))
  const [row] = await database.sql`
    select g.reason from grades g join rollouts r on r.number = g.rollout where r.id = ${rollout}`
  return { status, score: body.score, reason: row?.['reason'] }
}

describe('the grader kernel-speedup', () => {
  it('pays a kernel that is correct and faster, by its measured speed-up', async (context) => {
    needSandboxes(context)
    expect(await graded(fast)).toMatchObject({ status: 200, score: 1, reason: measured })
    expect(await graded(slow)).toMatchObject({
      ...{ status: 200, score: 0 },
      reason: expect.stringMatching(/^0\.\d\d× of 4×$/),
    })
  })

  it('pays nothing for what the recorded output claims, and judges the last submission', async (context) => {
    needSandboxes(context)
    const wrong = 'def run(x): return [0] * (len(x) - 199)'
    expect(await graded(wrong)).toMatchObject({ score: 0, reason: 'the last submission is not correct' })
    expect(await graded(fast, wrong)).toMatchObject({ score: 0 })
    expect(await graded(wrong, fast)).toMatchObject({ score: 1 })
    expect(await graded()).toMatchObject({ score: 0, reason: 'nothing was submitted' })
  })

  it.for([
    ['fails', 'def run(x): return x[1000000]', 'not correct'],
    ['never ends its list', 'def run(x): return zip(x)', 'not correct'],
    ['defines no run', 'size = 3', 'not correct'],
    ['imports what is not allowed', 'import os\ndef run(x): return x', 'not allowed: it imports os'],
    ['cannot be parsed', 'def run(x', 'not allowed: it cannot be parsed'],
  ] as const)('pays nothing for a kernel that %s', async ([, code, why], context) => {
    needSandboxes(context)
    expect(await graded(code)).toMatchObject({ status: 200, score: 0, reason: expect.stringContaining(why) })
  })

  it('gives no score if the reference of the item fails', async (context) => {
    needSandboxes(context)
    const broken = { ...item, reference: 'def run(x): return x[1000000]' }
    await post(app, '/tools', toolCall('benchmark', 'broken', '1', { code: fast }, broken))
    const { status } = await post(app, '/grade', gradingOf('broken', 'Done.', broken))
    expect(status).toBe(500)
  })
})
