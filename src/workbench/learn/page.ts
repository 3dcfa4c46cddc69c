import { html } from 'hono/html'
import { type Line, lineChart } from '../../dashboard/components/charts.ts'
import { rolloutAddress, runAddress } from '../../dashboard/components/links.ts'
import { page, table } from '../../dashboard/components/page.ts'
import type { ExampleRollout, LearnStep, Outcome } from './learn.ts'
import type { Verdict } from './verdict.ts'

const kinds = { learned: 'good', hacked: 'bad', flat: 'warn' } as const

/** Where the rollouts of a training are. */
export interface LearnPlace {
  readonly run: string
  /** The address of the server whose dashboard shows them; undefined for no links. */
  readonly server: string | undefined
}

/** A page of HTML that draws a training: reward, calls and parts by step, the policy's preferences, and rollouts to read. */
export function learnPage(
  steps: readonly LearnStep[],
  verdict: Verdict,
  about: string,
  place: LearnPlace,
): Promise<string> {
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
  const { run, server } = place
  const inRun = server === undefined ? run : html`<a href="${runAddress(server, run)}">${run}</a>`
  return page('A simulated policy learns', [
    html`<p class="soft">Run ${inRun}. ${about} The policy is a softmax over named choices, not a language model.</p>
<p class="note ${kinds[verdict.kind]}">${verdict.message}</p>
${verdict.warnings.map((warning) => html`<p class="note warn">${warning}</p>`)}
<div class="charts">${[reward, calls, ...parts, ...choices]}</div>`,
    html`${examples(steps, place)}`,
  ])
}

/** The best and the worst rollout of each set, the latest first: what the reward pays for is read there. */
function examples(steps: readonly LearnStep[], { run, server }: LearnPlace) {
  const cell = (example: ExampleRollout | undefined) => {
    if (example === undefined) return '–'
    const { rollout, reward } = example
    const id = html`<code>${rollout}</code>`
    const link = server === undefined ? id : html`<a href="${rolloutAddress(server, { run, rollout })}">${id}</a>`
    return html`${reward.toFixed(2)} ${link}`
  }
  const rows = steps
    .toReversed()
    .flatMap(({ step, training, validation }) =>
      [['validation', validation] as const, ['training', training] as const].flatMap(([kind, outcome]) =>
        outcome === undefined ? [] : [[String(step), kind, cell(outcome.best), cell(outcome.worst)]],
      ),
    )
  return table('Rollouts to read', [['step', 'num'], ['set'], ['best'], ['worst']], rows)
}

const pointsOf = (steps: readonly LearnStep[], of: (step: LearnStep) => number | undefined) =>
  steps.flatMap((step) => {
    const y = of(step)
    return y === undefined || !Number.isFinite(y) ? [] : [[step.step, y] as const]
  })
