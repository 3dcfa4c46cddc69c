import type { Child, FC } from 'hono/jsx'
import type { ItemSums, RunSums } from '../../ledger/rollups/read.ts'
import { deviationOf, meanOf, type Stats, sumStats } from '../../ledger/rollups/stats.ts'
import type { ShownAlarm } from '../alarms/alarm.ts'
import { AlarmLines } from '../components/alarms.tsx'
import { visible } from '../components/page.ts'
import { At, countText, numberText, shareText } from '../components/text.tsx'
import { type Axis, axisNames, type Point, shareOf } from '../curves.ts'
import { ItemTable } from './items.tsx'

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
      <Curves {...props} />
      <h2>
        <a href={`${base}/rollouts?sort=worst`}>Worst rollouts</a> · <a href={`${base}/rollouts?sort=best`}>best</a> ·{' '}
        <a href={`${base}/rollouts`}>latest</a> · <a href={`${base}/rollouts?outcome=failed`}>failed</a>
      </h2>
      <h2>Items that spread most</h2>
      <ItemTable run={run} items={items} />
      <p class="pages">
        <a href={`${base}/items`}>all items</a>
      </p>
    </div>
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

interface Curve {
  readonly name: string
  readonly label: string
  readonly colour: number
  readonly dashed?: boolean
}

const namesIn = (points: readonly Point[], of: (stats: Stats) => Readonly<Record<string, unknown>>, most = 6) =>
  [...new Set(points.flatMap(({ stats }) => Object.keys(of(stats))))].sort().slice(0, most)

const Curves: FC<RunProps> = ({ points, trusted, other, axis }) => {
  const parts = namesIn(points, ({ parts }) => parts)
  const tools = namesIn(points, ({ tools }) => tools)
  const codes = namesIn(points, ({ codes }) => codes)
  const others = parts.filter((name) => name !== trusted)
  const reward: readonly Curve[] = [
    { name: 'reward_mean', label: 'training', colour: 0 },
    { name: 'validation_mean', label: 'validation', colour: 5, dashed: true },
    ...(other === undefined ? [] : [{ name: 'other:reward_mean', label: other, colour: 2 }]),
  ]
  const trustedCurves: readonly Curve[] =
    trusted === undefined
      ? []
      : [
          { name: `part:${trusted}`, label: trusted, colour: 1 },
          { name: `validation_part:${trusted}`, label: 'validation', colour: 5, dashed: true },
        ]
  const listed = (prefix: string, names: readonly string[]): readonly Curve[] =>
    names.map((name, at) => ({ name: `${prefix}:${name}`, label: name, colour: at }))
  return (
    <>
      <h2>Reward</h2>
      <div class="charts">
        <Chart
          title={`Reward by ${axisNames[axis]}`}
          about="mean and spread"
          curves={reward}
          band="reward_deviation"
          max={1}
        />
        {trusted === undefined ? (
          <Chart title="Parts" about="mean" curves={listed('part', parts)} max={1} />
        ) : (
          <Chart title={`Trusted part: ${trusted}`} about="mean" curves={trustedCurves} max={1} />
        )}
        <div class="small">
          <Chart
            title="No score"
            about="rollouts"
            kind="bars"
            curves={[
              { name: 'failed', label: 'failed', colour: 4 },
              { name: 'ungradable', label: 'ungradable', colour: 3 },
            ]}
          />
          <Chart title="Calls per rollout" about="mean" curves={[{ name: 'calls_mean', label: 'calls', colour: 0 }]} />
          <Chart
            title="Answer length"
            about="characters, median"
            curves={[{ name: 'answer_median', label: 'characters', colour: 0 }]}
          />
          <Chart
            title="Groups"
            about="share"
            max={1}
            curves={[
              { name: 'flat_share', label: 'without spread', colour: 0 },
              { name: 'solved_share', label: 'all solved', colour: 1 },
              { name: 'unsolved_share', label: 'none solved', colour: 2 },
            ]}
          />
        </div>
        {trusted !== undefined && others.length > 0 && (
          <div class="small">
            {others.map((name) => (
              <Chart
                title={`Part: ${name}`}
                about="mean"
                max={1}
                curves={[{ name: `part:${name}`, label: name, colour: 0 }]}
              />
            ))}
          </div>
        )}
      </div>
      {tools.length > 0 && (
        <>
          <h2>Tools</h2>
          <div class="charts">
            <div class="small">
              <Chart title="Calls by tool" about="per rollout" curves={listed('calls', tools)} />
              <Chart title="Duration, median" about="ms" curves={listed('p50', tools)} />
              <Chart title="Duration, p95" about="ms" curves={listed('p95', tools)} />
              <Chart
                title="Budget used up"
                about="share of rollouts"
                max={1}
                curves={[{ name: 'exhausted_share', label: 'used up', colour: 2 }]}
              />
            </div>
          </div>
        </>
      )}
      {codes.length > 0 && (
        <>
          <h2>Codes</h2>
          <div class="charts">
            <div class="small">
              {codes.map((name) => (
                <Chart
                  title={name}
                  about="count"
                  kind="bars"
                  curves={[{ name: `code:${name}`, label: 'count', colour: 4 }]}
                />
              ))}
            </div>
          </div>
        </>
      )}
    </>
  )
}

/** JSON without characters that a reader of the page's source could not see. */
const asciiJson = (value: unknown): string =>
  JSON.stringify(value).replaceAll(/[^\x20-\x7e]/g, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`)

interface ChartProps {
  readonly title: string
  /** What is drawn, and its unit. */
  readonly about: string
  readonly curves: readonly Curve[]
  readonly kind?: 'lines' | 'bars'
  /** The curve with the spread of the first. */
  readonly band?: string
  /** The least upper end of the axis. */
  readonly max?: number
}

const Chart: FC<ChartProps> = ({ title, about, curves, kind = 'lines', band, max }) => (
  <figure
    class="panel"
    data-series={asciiJson(curves.map((curve) => ({ ...curve, label: visible(curve.label) })))}
    data-kind={kind}
    {...(band !== undefined && { 'data-band': band })}
    {...(max !== undefined && { 'data-max': String(max) })}
  >
    <figcaption>
      {visible(title)} <span>{about}</span>
    </figcaption>
    <div class="plot" role="img" aria-label={`${visible(title)}: ${about}`} />
  </figure>
)
