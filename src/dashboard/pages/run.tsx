/** @jsxRuntime automatic @jsxImportSource hono/jsx */
import type { Child, FC } from 'hono/jsx'
import type { ItemSums, RunSums } from '../../ledger/rollups/read.ts'
import { deviationOf, meanOf, type Stats, sumStats } from '../../ledger/rollups/stats.ts'
import { titleOf } from '../alarms/advice.ts'
import type { ShownAlarm } from '../alarms/alarm.ts'
import type { Verdict } from '../alarms/evaluate.ts'
import { AlarmLines } from '../components/alarms.tsx'
import { visible } from '../components/page.ts'
import { At, countText, numberText, shareText } from '../components/text.tsx'
import { type Axis, axisNames, type Point, shareOf } from '../curves.ts'
import { ItemTable } from './items.tsx'
import { Curves } from './run-curves.tsx'

/** What the page of a run shows. */
export interface RunProps {
  readonly sums: RunSums
  readonly alarms: readonly ShownAlarm[]
  readonly trusted: string | undefined
  readonly budget: number | undefined
  readonly axis: Axis
  readonly points: readonly Point[]
  /** A second run whose reward is drawn too. */
  readonly other: string | undefined
  readonly items: readonly ItemSums[]
  /** What each rule says now. */
  readonly verdicts: readonly Verdict[]
  readonly now: number
}

/** A run: what is wrong, six figures, its curves, its items. */
export const Run: FC<RunProps> = (props) => {
  const { sums, alarms, trusted, budget, axis, points, other, items, now } = props
  const { run, title, total, wire, key_name, bursts } = sums
  const base = `/dashboard/runs/${run}`
  const query = `by=${axis}${other === undefined ? '' : `&with=${encodeURIComponent(other)}`}`
  const first = points[0]
  return (
    <div data-curves={`${base}/curves.json?${query}`} data-rollouts={`${base}/rollouts`}>
      <h1 class="id">
        {run} {title !== null && <small>{visible(title)}</small>}
      </h1>
      <p class="under">
        {countText(total.began)} rollouts in {countText(bursts)} {bursts === 1 ? 'burst' : 'bursts'}
        {first && (
          <>
            {' since '}
            <At at={first.first_at} now={now} />
          </>
        )}
        {wire !== null && ` · ${wire}`}
        {key_name !== null && ` · key ${visible(key_name)}`}
        {budget !== undefined && ` · budget ${budget}`}
        {' · '}
        <a href={`${base}/rollouts`}>rollouts</a> · <a href={`${base}/items`}>items</a> ·{' '}
        <a href={`${base}/curves.csv?by=${axis}`}>CSV</a> · <a href={`${base}/curves.json?by=${axis}`}>JSON</a>
      </p>
      <AlarmLines alarms={alarms} now={now} />
      <Figures points={points} total={total} trusted={trusted} budget={budget} axis={axis} />
      <div class="axes">
        <span>by</span>
        {(['burst', 'visit', 'minute'] as const).map((name) => (
          <a
            href={`${base}?by=${name}${other === undefined ? '' : `&with=${encodeURIComponent(other)}`}`}
            {...(name === axis && { 'aria-current': 'true' })}
          >
            {axisNames[name]}
          </a>
        ))}
        <form method="get" action={base}>
          <input type="hidden" name="by" value={axis} />
          <label>
            compare with <input name="with" size={18} placeholder="another run" value={other ?? ''} data-search />
          </label>
          <button type="submit">draw</button>
        </form>
      </div>
      <Curves axis={axis} points={points} trusted={trusted} other={other} />
      <h2>Rollouts</h2>
      <p class="pages">
        <a href={`${base}/rollouts?sort=worst`}>Worst rollouts</a>
        <a href={`${base}/rollouts?sort=best`}>best</a>
        <a href={`${base}/rollouts`}>latest</a>
        <a href={`${base}/rollouts?outcome=failed`}>failed</a>
      </p>
      <Watched verdicts={props.verdicts} />
      <h2>Items that spread most</h2>
      <ItemTable run={run} items={items} />
      <p class="pages">
        <a href={`${base}/items`}>all items</a>
      </p>
    </div>
  )
}

const stateNames: Readonly<Record<Verdict['state'], string>> = {
  alarm: 'in two windows',
  unsure: 'in one window',
  ok: 'ok',
  'no data': 'too few data',
}

/** What is watched in this run: an alarm that does not begin may have nothing to judge by. */
const Watched: FC<{ readonly verdicts: readonly Verdict[] }> = ({ verdicts }) => {
  const missing = verdicts.filter(({ state }) => state === 'no data').length
  return (
    <details class="watched">
      <summary class="quiet">
        {verdicts.length} alarms are watched{missing > 0 && `; ${missing} have too few data`}
      </summary>
      <dl class="facts">
        {verdicts.map(({ name, state }) => (
          <>
            <dt>{titleOf(name)}</dt>
            <dd class={state === 'alarm' ? 'failed' : 'quiet'}>{stateNames[state]}</dd>
          </>
        ))}
      </dl>
    </details>
  )
}

const Figures: FC<Pick<RunProps, 'points' | 'trusted' | 'budget' | 'axis'> & { readonly total: Stats }> = ({
  points,
  total,
  trusted,
  budget,
  axis,
}) => {
  const training = points.filter(({ isValidation, stats }) => !isValidation && stats.scored > 0)
  const last = training.at(-1)
  const latest = sumStats(training.slice(-5).map(({ stats }) => stats))
  const validation = points.findLast(({ isValidation, stats }) => isValidation && stats.scored > 0)
  const part = trusted === undefined ? undefined : last?.stats.parts[trusted]
  const earlier = trusted === undefined ? undefined : training.at(-21)?.stats.parts[trusted]
  const change = part && earlier && (meanOf(part) ?? 0) - (meanOf(earlier) ?? 0)
  const lost = total.failed + total.ungradable
  const share = shareOf(lost, lost + total.scored)
  return (
    <dl class="figures">
      <Figure name={`reward, last ${axisNames[axis]}`} more={last && `± ${numberText(deviationOf(last.stats.score))}`}>
        {numberText(last && meanOf(last.stats.score))}
      </Figure>
      <Figure
        name={trusted === undefined ? 'trusted part' : `${trusted} (trusted)`}
        more={change === undefined ? undefined : `${change < 0 ? '▼' : '▲'} ${numberText(Math.abs(change))}`}
        isBad={change !== undefined && change < -0.02}
      >
        {numberText(part && meanOf(part))}
      </Figure>
      <Figure name="validation" more={validation && `${axisNames[axis]} ${validation.bucket}`}>
        {numberText(validation && meanOf(validation.stats.score))}
      </Figure>
      <Figure name="no score" more={countText(lost)} isBad={share !== undefined && share >= 0.01}>
        {shareText(share)}
      </Figure>
      <Figure name="groups without spread" more={`${countText(latest.flat)} of ${countText(latest.groups)}`}>
        {shareText(shareOf(latest.flat, latest.groups))}
      </Figure>
      <Figure name="calls per rollout" more={budget === undefined ? undefined : `of ${budget}`}>
        {numberText(meanOf(latest.calls))}
      </Figure>
    </dl>
  )
}

const Figure: FC<{
  readonly name: string
  readonly more?: string | undefined
  readonly isBad?: boolean
  readonly children?: Child
}> = ({ name, more, isBad = false, children }) => (
  <div>
    <dt>{name}</dt>
    <dd class={isBad ? 'failed' : ''}>
      {children} {more !== undefined && <small>{more}</small>}
    </dd>
  </div>
)
