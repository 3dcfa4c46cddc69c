/** @jsxRuntime automatic @jsxImportSource hono/jsx */
import type { FC } from 'hono/jsx'
import type { Stats } from '../../ledger/rollups/stats.ts'
import { visible } from '../components/page.ts'
import { type Axis, axisNames, type Point } from '../curves.ts'

/** What the curves are drawn of. */
export interface CurvesProps {
  readonly axis: Axis
  readonly points: readonly Point[]
  /** The part of a score that cannot be gamed. */
  readonly trusted: string | undefined
  /** A second run whose reward is drawn too. */
  readonly other: string | undefined
}

interface Curve {
  readonly name: string
  readonly label: string
  readonly colour: number
  readonly dashed?: boolean
}

const namesIn = (points: readonly Point[], of: (stats: Stats) => Readonly<Record<string, unknown>>, most = 6) =>
  [...new Set(points.flatMap(({ stats }) => Object.keys(of(stats))))].sort().slice(0, most)

/** The curves of a run: reward and trusted part large, the others small. */
export const Curves: FC<CurvesProps> = ({ points, trusted, other, axis }) => {
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
