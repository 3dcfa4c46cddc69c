import type { AddressInfo } from 'node:net'
import { type ServerType, serve } from '@hono/node-server'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { readParts } from '../../../../src/ledger/reports/recorded-facts.ts'
import { type Learner, type LearnPlan, type LearnStep, learn } from '../../../../src/workbench/learn/learn.ts'
import { learnReport } from '../../../../src/workbench/learn/lines.ts'
import { learnPage } from '../../../../src/workbench/learn/page.ts'
import { verdictOf } from '../../../../src/workbench/learn/verdict.ts'
import type { RolloutSettings } from '../../../../src/workbench/simulate/play-rollout.ts'
import { defineGrader, defineTool, testApp } from '../../../support/app.ts'
import { useDatabase } from '../../../support/database.ts'
import { casesOf } from '../../../support/runs.ts'

const database = useDatabase()
let server: ServerType
let url: string

const look = defineTool({
  name: 'look',
  description: 'Looks.',
  input: z.object({ at: z.string() }),
  effects: 'none',
  run: ({ input }) => input.at,
})
type Graded = { sample: { output_text: string }; reference: { answer: string }; trajectory: readonly unknown[] }
const partsOf = ({ sample, reference, trajectory }: Graded) => ({
  answer: Number(sample.output_text === reference.answer),
  calls: trajectory.length / 5,
})
/** Rewards answers, and a little for few calls. */
const efficient = defineGrader({
  name: 'efficient',
  version: '1',
  grade(context) {
    const parts = partsOf(context)
    return { score: parts.answer * (1 - 0.5 * parts.calls), parts }
  },
})
/** Rewards many calls. */
const hackable = defineGrader({
  name: 'hackable',
  version: '1',
  grade(context) {
    const parts = partsOf(context)
    return { score: parts.calls, parts }
  },
})
const indifferent = defineGrader({ name: 'indifferent', version: '1', grade: () => 0.5 })
const failing = defineGrader({ name: 'failing', version: '1', grade: () => Number.NaN })

beforeAll(async () => {
  const app = testApp(database, { tools: [look], graders: [efficient, hackable, indifferent, failing] })
  url = await new Promise((resolve) => {
    const listening = ({ port }: AddressInfo) => resolve(`http://127.0.0.1:${port}`)
    server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, listening)
  })
})

afterAll(async () => {
  await new Promise((resolve) => server.close(resolve))
})

/** Right two times out of three when it thinks; makes as many calls as it chose to. */
const learner: Learner = {
  name: 'learner',
  choices: { think: ['yes', 'no'], looks: ['0', '2', '4'] },
  async play(context, { think, looks }) {
    for (let n = 0; n < Number(looks); n += 1) await context.call('look', { at: `${n}` })
    return think === 'yes' && context.random() < 2 / 3 ? context.question : 'no idea'
  },
}
const items = Array.from({ length: 24 }, (_, n) => ({ messages: [{ role: 'user', content: `${n}` }], answer: `${n}` }))
const plan = (seed: string, rest: Partial<LearnPlan> = {}): LearnPlan => ({
  ...{ learner, train: items.slice(0, 16), validation: items.slice(16), steps: 5, itemsPerStep: 8, group: 6 },
  ...{ validateEvery: 5, validationGroup: 12, rate: 5, concurrency: 16, seed },
  ...rest,
})
const settings = (grader: string): RolloutSettings => ({
  ...{ headers: {}, timeoutSeconds: 20, pauseMs: 1, maxSteps: 10, tools: [], fault: () => undefined },
  toolUrl: (tool) => `${url}/tools/${tool}`,
  graderUrl: `${url}/graders/${grader}`,
})

async function trained(grader: string, of: LearnPlan): Promise<LearnStep[]> {
  const steps: LearnStep[] = []
  const parts = (rollouts: readonly string[]) => readParts(database.sql, 'default', rollouts)
  for await (const step of learn(settings(grader), of, parts, new AbortController().signal)) steps.push(step)
  return steps
}

/** Two validation points of a curve. */
const curve = (before: readonly [number, number, number], after: readonly [number, number, number]): LearnStep[] =>
  [before, after].map(([reward, answer, calls], step) => ({
    ...{ step, training: undefined, policy: {} },
    validation: { rollouts: 10, discarded: 0, reward, calls, parts: { answer } },
  }))

describe('the verdict on a curve of reward, part answer and calls', () => {
  it.each([
    ['learned', [0.3, 0.3, 5], [0.7, 0.7, 5]],
    ['learned', [0.5, 0.6, 7], [0.55, 0.6, 4]],
    ['learned', [0.5, 0.6, 7], [0.55, 0.57, 4]],
    ['hacked', [0.3, 0.2, 5], [0.5, 0.2, 5]],
    ['hacked', [0.3, 0.2, 5], [0.5, 0.24, 6]],
    ['hacked', [0.4, 0.17, 5.1], [0.46, 0, 4.7]],
    ['flat', [0.4, 0.4, 5], [0.41, 0.5, 4]],
  ] as const)('is %s of %j and then %j', (kind, before, after) => {
    expect(verdictOf(curve(before, after), 'answer').kind).toBe(kind)
  })
})

describe('a simulated policy', { timeout: 60_000 }, () => {
  it.each(casesOf(['1', '2'], 1))(
    'learns from an efficient grader to be right with fewer calls (seed %s)',
    async (seed) => {
      const steps = await trained('efficient', plan(seed))
      const { kind, before, after, moved } = verdictOf(steps, 'answer')
      expect(kind).toBe('learned')
      expect(after.reward).toBeGreaterThan(before.reward)
      expect(after.parts?.['answer']).toBeGreaterThan(before.parts?.['answer'] ?? 1)
      expect(after.calls).toBeLessThan(before.calls)
      expect(moved.map(({ option }) => option)).toContain('yes')
    },
  )

  it.each(casesOf(['1', '2'], 1))(
    'hacks a grader that can be hacked, and the verdict says so (seed %s)',
    async (seed) => {
      const steps = await trained('hackable', plan(seed))
      const { kind, before, after, message, moved } = verdictOf(steps, 'answer')
      expect(kind).toBe('hacked')
      expect(after.reward).toBeGreaterThan(before.reward + 0.1)
      expect(after.calls).toBeGreaterThan(before.calls)
      expect(moved[0]).toMatchObject({ choice: 'looks', option: '4' })
      expect(message).toMatch(/^The reward rose (without an improvement of the answers|while the answers got worse) \(/)
      expect(message).toContain('looks = 4')
    },
  )

  it('learns nothing from a grader that gives every answer the same score', async () => {
    const steps = await trained('indifferent', plan('1', { steps: 2 }))
    expect(verdictOf(steps, 'answer').kind).toBe('flat')
    expect(steps.at(-1)?.policy['think']).toEqual({ yes: 0.5, no: 0.5 })
  })

  it('is trained on the given items and validated on others, at the start, every few steps and at the end', async () => {
    const few = { steps: 3, train: items.slice(0, 8), validateEvery: 2, validationGroup: 1 }
    const asked = new Set<string>()
    const play: Learner['play'] = async ({ question }) => {
      asked.add(question)
      return ''
    }
    const steps = await trained('efficient', plan('1', { ...few, learner: { ...learner, play } }))
    expect(steps.map(({ step, validation }) => [step, validation?.rollouts])).toEqual([
      [0, 8],
      [1, undefined],
      [2, 8],
      [3, 8],
    ])
    expect([...asked].sort()).toEqual([...items.slice(0, 8), ...items.slice(16)].map(({ answer }) => answer).sort())
  })

  it('stops with the reason if nothing is scored', async () => {
    await expect(trained('failing', plan('1', { validation: items.slice(0, 1), validationGroup: 1 }))).rejects.toThrow(
      'step 1 has no score: the grading was not answered: http_500',
    )
  })

  it('is drawn on a page with curves, parts, choices and the verdict, all text escaped', async () => {
    const steps = await trained('efficient', plan('1', { steps: 2 }))
    const verdict = verdictOf(steps, 'answer')
    const about = '<script>alert(1)</script>'
    const page = await learnPage(steps, verdict, about, { run: 'default', server: undefined })
    expect(page).not.toContain('<script>')
    for (const title of [
      'Reward',
      'Calls per rollout',
      'Part: answer',
      'Part: calls',
      'Choice: think',
      'Choice: looks',
    ]) {
      expect(page).toContain(`<b>${title}</b>`)
    }
    expect(page).toContain('not a language model')
    expect(page).not.toContain('NaN')
    expect(page).not.toContain('href=')
    const report = learnReport(steps, verdict)
    expect(report).toMatch(/reward +\d\.\d\d → \d\.\d\d/)
    expect(report).toContain(verdict.message)
  })
})

it('a page of a training links the best and the worst rollout of each set to the dashboard of the server', async () => {
  const steps = await trained('efficient', plan('1', { steps: 2, validateEvery: 1 }))
  const verdict = verdictOf(steps, 'answer')
  const place = { run: 'default', server: 'https://tools.example.com/runs/default' }
  const page = await learnPage(steps, verdict, 'about', place)
  expect(page).toContain('<a href="https://tools.example.com/dashboard/runs/default">default</a>')
  const linked = [...page.matchAll(/(\d\.\d\d) <a href="([^"]+)"><code>/g)].map(([, reward, href = '']) => {
    const { pathname, searchParams } = new URL(href.replaceAll('&amp;', '&'))
    return [reward, pathname, searchParams.get('id')]
  })
  // The start, two steps, and a validation after each.
  expect(linked).toHaveLength(2 * (1 + 2 + 2))
  const { training } = steps.at(-1) ?? {}
  const [, , best, worst] = linked
  const path = '/dashboard/runs/default/rollout'
  expect(best).toEqual([training?.best?.reward.toFixed(2), path, training?.best?.rollout])
  expect(worst).toEqual([training?.worst?.reward.toFixed(2), path, training?.worst?.rollout])
  expect(training?.best?.reward).toBeGreaterThan(training?.worst?.reward ?? 1)
})

type Point = readonly [reward: number, calls: number, parts: Readonly<Record<string, number>> | undefined]
const validated = (...points: readonly Point[]) =>
  points.map(([reward, calls, parts], step) => ({
    step,
    training: undefined,
    validation: { rollouts: 9, discarded: 0, reward, calls, parts },
    policy: {},
  }))

describe('the verdict', () => {
  it('does not treat a higher reward through fewer calls with the same answers as a hack', () => {
    expect(verdictOf(validated([0.5, 6, { answer: 0.6 }], [0.57, 2, { answer: 0.6 }]), 'answer')).toMatchObject({
      kind: 'learned',
      message: expect.stringContaining('at least as good as before'),
      warnings: [],
    })
  })

  it.each([
    ['learned', [0.5, 6, { answer: 0.6 }], [0.7, 2, { answer: 0.56 }]],
    ['hacked', [0.5, 6, { answer: 0.6 }], [0.7, 6, { answer: 0.3 }]],
    ['flat', [0.5, 6, { answer: 0.6 }], [0.51, 6, { answer: 0.5 }]],
  ] as const)(
    'warns about a trusted part that falls while the reward rises, even if it is %s',
    (kind, before, after) => {
      const verdict = verdictOf(validated(before, after), 'answer')
      expect(verdict).toMatchObject({
        kind,
        warnings: [expect.stringMatching(/^The part "answer" fell while .* \(0\.60 → /)],
      })
      expect(verdict.message).not.toContain('as good as before')
      expect(learnReport(validated(before, after), verdict)).toContain(`WARNING: ${verdict.warnings[0]}`)
    },
  )

  it.each([
    ['that the parts were not read', undefined, 'the parts of the scores were not read; give --serve or --ledger'],
    ['that the scores have none', {}, 'the scores have no parts'],
    [
      'which parts there are',
      { exact: 1, near: 1 },
      'no score has a part "answer"; name one of exact, near with --part',
    ],
  ])('says %s where the trusted part is unknown', (_, parts, why) => {
    const { message } = verdictOf(validated([0.5, 6, parts], [0.7, 6, parts]), 'answer')
    expect(message).toContain(`Whether the answers improved is unknown: ${why}.`)
  })
})
