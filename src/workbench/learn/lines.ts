import type { LearnStep, Outcome } from './learn.ts'
import type { Verdict } from './verdict.ts'

const bars = '▁▂▃▄▅▆▇█'

/** The line of a step, for a terminal. */
export function stepLine({ step, training, validation }: LearnStep): string {
  const result = (name: string, outcome: Outcome | undefined) =>
    outcome === undefined ? '' : `${name} ${outcome.reward.toFixed(3)}, ${outcome.calls.toFixed(1)} calls`
  const discarded = training?.discarded ? `${training.discarded} discarded` : ''
  return [`step ${String(step).padStart(3)}`, result('training', training), result('validation', validation), discarded]
    .filter((part) => part !== '')
    .join('   ')
}

/** The training in a few lines: curves, the policy's preferences, and the verdict. */
export function learnReport(steps: readonly LearnStep[], { before, after, moved, message, warnings }: Verdict): string {
  const validated = steps.flatMap(({ validation }) => (validation === undefined ? [] : [validation]))
  const rows = [
    ['reward', (one: Outcome) => one.reward] as const,
    ['calls per rollout', (one: Outcome) => one.calls] as const,
    ...Object.keys(after.parts ?? {}).map(
      (part) => [`part ${part}`, (one: Outcome) => one.parts?.[part] ?? Number.NaN] as const,
    ),
  ]
  const width = Math.max(...rows.map(([name]) => name.length))
  const curves = rows.map(([name, of]) => {
    const points = validated.map(of)
    return `${name.padEnd(width)}  ${of(before).toFixed(2).padStart(6)} → ${of(after).toFixed(2).padEnd(6)} ${spark(points)}`
  })
  const moves = moved
    .slice(0, 6)
    .map(({ choice, option, from, to }) => `  ${choice}: ${option}, ${percent(from)} → ${percent(to)}`)
  return [
    'In validation:',
    ...curves,
    '',
    'What the policy prefers now:',
    ...moves,
    '',
    message,
    ...warnings.map((one) => `WARNING: ${one}`),
  ].join('\n')
}

/** One character per point, from 0, or the least below it, to the greatest. */
function spark(points: readonly number[]): string {
  const least = Math.min(0, ...points)
  const most = Math.max(least + 1e-9, ...points)
  return points
    .map(
      (point) => bars[Math.min(bars.length - 1, Math.floor(((point - least) / (most - least)) * bars.length))] ?? ' ',
    )
    .join('')
}

const percent = (share: number) => `${Math.round(share * 100)} %`
