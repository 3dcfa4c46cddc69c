/** @jsxRuntime automatic @jsxImportSource hono/jsx */
import type { FC } from 'hono/jsx'
import type { RolloutHeads, Sibling } from '../../ledger/reports/rollout-heads.ts'
import { visible } from '../components/page.ts'
import { durationShort, numberText, Outcome, Parts } from '../components/text.tsx'
import { beganAt, stageText, timeText } from '../rollout-view.ts'
import { baseOf, Story, timesOf } from './rollout-story.tsx'

/** What the page of a rollout shows. */
export interface RolloutProps {
  readonly heads: RolloutHeads
  readonly siblings: readonly Sibling[]
  /** Whether the viewer may see the fields of the item that only graders see. */
  readonly seesReference: boolean
  /** Whether a grader can be run again over it. */
  readonly canGrade: boolean
}

/** A rollout as a story: question, calls with what each said, answer; beside it the score, and below that its group. */
export const Rollout: FC<RolloutProps> = ({ heads, siblings, seesReference, canGrade }) => {
  const { run, rollout, attempt, attempts, number } = heads
  return (
    <>
      <p class="under crumbs">
        <a href="/dashboard">Runs</a> / <a href={`/dashboard/runs/${run}`}>{run}</a> /{' '}
        <a href={`/dashboard/runs/${run}/rollouts`}>rollouts</a>
      </p>
      <h1 class="id">{visible(rollout)}</h1>
      <p class="under">
        {attempts > 1 && `attempt ${attempt} of ${attempts} · `}number {number} · began{' '}
        {timeText(beganAt(timesOf(heads)))}
        {heads.wire !== null && ` · ${heads.wire}`}
        {heads.key !== null && ` · key ${visible(heads.key)}`} · {stageText(timesOf(heads))} ·{' '}
        <a href={`${baseOf(heads)}.json`}>JSON</a>{' '}
        <button type="button" class="plain" data-copy={`${baseOf(heads)}.json`} hidden>
          copy as JSON
        </button>
      </p>
      <div class="two">
        <Story heads={heads} seesReference={seesReference} />
        <aside class="side" aria-label="Score and group">
          <Gradings heads={heads} canGrade={canGrade} />
          <Group heads={heads} siblings={siblings} />
        </aside>
      </div>
    </>
  )
}

/** Two rollouts side by side. */
export const Comparison: FC<{
  readonly both: readonly [RolloutHeads, RolloutHeads]
  readonly seesReference: boolean
}> = ({ both, seesReference }) => (
  <>
    <p class="under crumbs">
      <a href="/dashboard">Runs</a> / <a href={`/dashboard/runs/${both[0].run}`}>{both[0].run}</a>
    </p>
    <h1>Two rollouts</h1>
    <div class="compare">
      {both.map((heads) => (
        <section aria-label={visible(heads.rollout)}>
          <h2>
            <a class="id" href={baseOf(heads)}>
              {visible(heads.rollout)}
            </a>
          </h2>
          <Gradings heads={heads} canGrade={false} />
          <Story heads={heads} seesReference={seesReference} />
        </section>
      ))}
    </div>
  </>
)

const Gradings: FC<{ readonly heads: RolloutHeads; readonly canGrade: boolean }> = ({ heads, canGrade }) => (
  <section class="panel gradings" aria-label="Gradings">
    {heads.gradings.length === 0 && <p class="quiet">It is not graded.</p>}
    {heads.gradings.map((grading) => (
      <>
        <p class="score">
          {grading.score === null ? <Outcome outcome={grading.outcome} /> : numberText(grading.score)}
        </p>
        <p class="under">
          {grading.grader} {grading.version}
          {grading.source === 'regrade' && ' · regrading'} · {durationShort(grading.duration_ms)} ·{' '}
          {timeText(grading.created_at)}
          {grading.code !== null && ` · ${grading.code}`}
        </p>
        {grading.parts !== null && (
          <div class="parts">
            {Object.entries(grading.parts).map(([name, value]) => (
              <>
                <span>{visible(name)}</span>
                <svg class="meter" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">
                  <rect width="100" height="8" rx="2" />
                  <rect width={Math.max(0, Math.min(100, value * 100)).toFixed(1)} height="8" rx="2" />
                </svg>
                <span class="n">{numberText(value)}</span>
              </>
            ))}
          </div>
        )}
        {grading.reason !== null && <p class="text">{visible(grading.reason)}</p>}
      </>
    ))}
    {canGrade && heads.gradings.length > 0 && (
      <form method="post" action={`${baseOf(heads)}/grade`}>
        <button type="submit">grade again with today’s code</button>
        <p class="quiet">Shows the score, and records nothing.</p>
      </form>
    )}
  </section>
)

const Group: FC<{ readonly heads: RolloutHeads; readonly siblings: readonly Sibling[] }> = ({ heads, siblings }) => (
  <section class="panel" aria-label="Group">
    <h2>Its group</h2>
    {siblings.length < 2 ? (
      <p class="quiet">No other rollout of this item began with it.</p>
    ) : (
      <table>
        <tbody>
          {siblings.map((one) => (
            <tr>
              <td>
                {one.number === heads.number ? (
                  <b class="id">{visible(one.id)}</b>
                ) : (
                  <a class="id" href={`/dashboard/runs/${heads.run}/rollouts/${one.number}`}>
                    {visible(one.id)}
                  </a>
                )}
                <div class="quiet clip">{visible(one.answer ?? '')}</div>
                {one.number !== heads.number && (
                  <a class="quiet" href={`${baseOf(heads)}?with=${one.number}`}>
                    compare
                  </a>
                )}
              </td>
              <td class="n">{one.score === null ? <Outcome outcome={one.outcome} /> : numberText(one.score)}</td>
              <td class="n quiet">{one.calls}</td>
            </tr>
          ))}
        </tbody>
      </table>
    )}
  </section>
)

/** A score that was computed now and is not recorded, beside the recorded one. */
export const GradedAgain: FC<{
  readonly heads: RolloutHeads
  readonly result: { readonly grader: string; readonly version: string } & (
    | {
        readonly score: number
        readonly parts: Readonly<Record<string, number>> | null
        readonly reason: string | null
      }
    | { readonly problem: string }
  )
}> = ({ heads, result }) => {
  const recorded = heads.gradings.findLast(({ source, outcome }) => source === 'trainer' && outcome === 'scored')
  return (
    <>
      <p class="under crumbs">
        <a href={`/dashboard/runs/${heads.run}`}>{heads.run}</a> / <a href={baseOf(heads)}>{visible(heads.rollout)}</a>
      </p>
      <h1>Graded again</h1>
      <p class="under">
        By {result.grader} {result.version}, the code that this server runs now. Nothing was recorded.
      </p>
      <div class="panel pad">
        {'problem' in result ? (
          <p class="failed text">{visible(result.problem)}</p>
        ) : (
          <>
            <p class="score">
              {numberText(result.score)}{' '}
              <small class="quiet">
                recorded: {numberText(recorded?.score)} by version {recorded?.version ?? '–'}
              </small>
            </p>
            <Parts parts={result.parts} most={20} />
            {result.reason !== null && <p class="text">{visible(result.reason)}</p>}
          </>
        )}
      </div>
    </>
  )
}
