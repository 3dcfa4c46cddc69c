import { html } from 'hono/html'
import { type Line, lineChart } from '../../dashboard/components/charts.ts'
import { page } from '../../dashboard/components/page.ts'
import type { LearnStep, Outcome } from './learn.ts'
import type { Verdict } from './verdict.ts'

const kinds = { learned: 'good', hacked: 'bad', flat: 'warn' } as const

/** A page of HTML that draws a training: reward, calls and parts by step, and the policy's preferences. */
export function learnPage(steps: readonly LearnStep[], verdict: Verdict, about: string): Promise<string> {
  const curve = (title: string, of: (outcome: Outcome) => number | undefined) =>
    lineChart(title, [
      { name: 'validation', points: pointsOf(steps, ({ validation }) => validation && of(validation)) },
      { name: 'training', isDots: true, points: pointsOf(steps, ({ training }) => training && of(training)) },
    ])
  const choices = Object.entries(steps[0]?.policy ?? {}).map(([choice, options]) => {
    const lines = Object.keys(options).map(
      (option): Line => ({ name: option, points: pointsOf(steps, ({ policy }) => policy[choice]?.[option]) }),
    )
    return lineChart(`Choice: ${choice}`, lines)
  })
  const parts = Object.keys(verdict.after.parts ?? {}).map((part) =>
    curve(`Part: ${part}`, ({ parts }) => parts?.[part]),
  )
  const reward = curve('Reward', (outcome) => outcome.reward)
  const calls = curve('Calls per rollout', (outcome) => outcome.calls)
  return page('A simulated policy learns', [
    html`<p class="soft">${about} The policy is a softmax over named choices, not a language model.</p>
<p class="note ${kinds[verdict.kind]}">${verdict.message}</p>
${verdict.warnings.map((warning) => html`<p class="note warn">${warning}</p>`)}
<div class="charts">${[reward, calls, ...parts, ...choices]}</div>`,
  ])
}

const pointsOf = (steps: readonly LearnStep[], of: (step: LearnStep) => number | undefined) =>
  steps.flatMap((step) => {
    const y = of(step)
    return y === undefined || !Number.isFinite(y) ? [] : [[step.step, y] as const]
  })
