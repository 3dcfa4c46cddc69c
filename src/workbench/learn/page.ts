import { chart, escapeHtml, type Line } from './chart.ts'
import type { LearnStep, Outcome } from './learn.ts'
import type { Verdict } from './verdict.ts'

const style = `
  body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 76rem; padding: 0 1rem; color: #1f2937 }
  h1 { font-size: 1.4rem; margin-bottom: .2rem } .note { color: #6b7280; margin-top: 0 }
  .verdict { border-left: 5px solid #059669; background: #ecfdf5; padding: .6rem 1rem }
  .hacked { border-color: #dc2626; background: #fef2f2 } .flat { border-color: #d97706; background: #fffbeb }
  main { display: grid; grid-template-columns: repeat(auto-fill, minmax(22rem, 1fr)); gap: 1rem }
  figure { margin: 0; border: 1px solid #e5e7eb; border-radius: 6px; padding: .6rem }
  figcaption { display: flex; flex-wrap: wrap; gap: .2rem .9rem; min-height: 1.6em } figcaption i { display: inline-block;
  width: .7em; height: .7em; border-radius: 50%; margin-right: .3em } svg text { font-size: 11px; fill: #6b7280 }
  svg .grid { stroke: #e5e7eb }`

/** A page of one file that draws a training: reward, calls and parts by step, and what the policy came to prefer. */
export function learnPage(steps: readonly LearnStep[], verdict: Verdict, about: string): string {
  const curve = (of: (outcome: Outcome) => number | undefined): readonly Line[] => [
    { name: 'validation', points: pointsOf(steps, ({ validation }) => validation && of(validation)) },
    { name: 'training', isDots: true, points: pointsOf(steps, ({ training }) => training && of(training)) },
  ]
  const parts = Object.keys(verdict.after.parts)
  const choices = Object.entries(steps[0]?.policy ?? {})
  const charts = [
    chart(
      'Reward',
      curve(({ reward }) => reward),
    ),
    chart(
      'Calls a rollout',
      curve(({ calls }) => calls),
    ),
    ...parts.map((part) =>
      chart(
        `Part: ${part}`,
        curve((outcome) => outcome.parts[part]),
      ),
    ),
    ...choices.map(([choice, options]) =>
      chart(
        `Choice: ${choice}`,
        Object.keys(options).map((option) => ({
          name: option,
          points: pointsOf(steps, ({ policy }) => policy[choice]?.[option]),
        })),
      ),
    ),
  ]
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><title>A simulated policy learns</title><style>${style}</style>
<h1>A simulated policy learns</h1>
<p class="note">${escapeHtml(about)} The policy is a softmax over named choices, no language model.</p>
<p class="verdict ${verdict.kind}">${escapeHtml(verdict.message)}</p>
<main>${charts.join('\n')}</main></html>
`
}

const pointsOf = (steps: readonly LearnStep[], of: (step: LearnStep) => number | undefined) =>
  steps.flatMap((step) => {
    const y = of(step)
    return y === undefined || !Number.isFinite(y) ? [] : [[step.step, y] as const]
  })
