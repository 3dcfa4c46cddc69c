import type { FC } from 'hono/jsx'
import { stringifyExactly } from '../../base/exact-json.ts'
import type { CallHead, RolloutHeads, Sibling } from '../../ledger/reports/rollout-heads.ts'
import { visible } from '../components/page.ts'
import { durationShort, numberText, Outcome, Parts } from '../components/text.tsx'
import {
  beganAt,
  causeLines,
  changeText,
  counted,
  offsetText,
  splitItem,
  stageText,
  stateChanges,
  timeText,
  took,
} from '../rollout-view.ts'

/** What the page of a rollout shows. */
export interface RolloutProps {
  readonly heads: RolloutHeads
  readonly siblings: readonly Sibling[]
  /** Whether the viewer may see the fields of the item that only graders see. */
  readonly seesReference: boolean
  /** Whether a grader can be run again over it. */
  readonly canGrade: boolean
}

const baseOf = ({ run, number }: Pick<RolloutHeads, 'run' | 'number'>) => `/dashboard/runs/${run}/rollouts/${number}`

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

/** What the functions about times need. */
const timesOf = (heads: RolloutHeads) => ({
  ...heads,
  calls: heads.calls.map((call) => ({ ...call, arguments: null })),
  gradings: [],
})

const Story: FC<{ readonly heads: RolloutHeads; readonly seesReference: boolean }> = ({ heads, seesReference }) => {
  const { messages, fields } = splitItem(heads.item)
  const start = beganAt(timesOf(heads))
  const answer = heads.gradings.findLast(({ source }) => source === 'trainer')
  const { replays } = heads
  return (
    <div>
      <h2 class="first">
        Question{' '}
        <a class="id quiet" href={`/dashboard/runs/${heads.run}/rollouts?item=${heads.item_hash}`}>
          {heads.item_hash.slice(0, 12)}
        </a>
      </h2>
      <div class="panel pad">
        {messages.length === 0 && fields.length === 0 && <p class="quiet text">The rollout has no item.</p>}
        {messages.map(({ role, text }) => (
          <>
            <div class="quiet">{visible(role)}</div>
            <p class="text limited" tabindex={0}>
              {visible(text)}
            </p>
          </>
        ))}
        {fields.length > 0 && seesReference && (
          <details>
            <summary class="quiet">other fields of the item, the reference included</summary>
            <dl class="facts">
              {fields.map(({ name, text }) => (
                <>
                  <dt>{visible(name)}</dt>
                  <dd>
                    <pre tabindex={0}>{visible(text)}</pre>
                  </dd>
                </>
              ))}
            </dl>
          </details>
        )}
        {fields.length > 0 && !seesReference && <p class="quiet">The item’s other fields need the scope grade.</p>}
      </div>
      <h2>{counted(heads.calls.length, 'call')}</h2>
      {heads.calls.length === 0 ? (
        <p class="under">The model called no tool.</p>
      ) : (
        <div class="panel">
          {heads.calls.map((call) => (
            <Call base={baseOf(heads)} call={call} start={start} />
          ))}
        </div>
      )}
      {replays.calls + replays.gradings > 0 && (
        <p class="under">
          {counted(replays.calls, 'call')} and {counted(replays.gradings, 'grading')} were answered from the ledger:
          retries.
        </p>
      )}
      <h2>Answer</h2>
      <div class="panel pad">
        {answer === undefined ? (
          <p class="quiet text">It is not graded, so the answer is not known.</p>
        ) : (
          <Text
            head={answer.answer}
            length={answer.answer_length}
            from={`${baseOf(heads)}/gradings/${answer.id}/answer`}
          />
        )}
      </div>
      {heads.state !== null && (
        <>
          <h2>State</h2>
          <pre class="panel" tabindex={0}>
            {visible(stringifyExactly(heads.state, 2))}
          </pre>
        </>
      )}
    </div>
  )
}

const Call: FC<{ readonly base: string; readonly call: CallHead; readonly start: string }> = ({
  base,
  call,
  start,
}) => {
  const causes = causeLines(call.cause)
  const notes = [
    call.code,
    took(call.started_at, call.finished_at),
    offsetText(start, call.started_at),
    call.nth > 1 ? `use ${call.nth} of this id` : undefined,
    call.execution > 1 ? `execution ${call.execution}` : undefined,
  ]
  return (
    <div class="call" data-row>
      <span class="seq">{call.seq}</span>
      <span>
        <b>{visible(call.tool)}</b>{' '}
        <span class="quiet">{visible(notes.filter((note) => note !== null && note !== undefined).join(' · '))}</span>
      </span>
      <Outcome outcome={call.outcome} />
      <div class="said">
        <Text head={call.arguments} length={call.arguments_length} from={`${base}/calls/${call.seq}/arguments`} />
        {call.output !== '' && (
          <Text head={call.output} length={call.output_length} from={`${base}/calls/${call.seq}/output`} />
        )}
        {causes.length > 0 && (
          <pre class="failed" tabindex={0}>
            {visible(causes.join('\n'))}
          </pre>
        )}
        {call.cause?.stack !== undefined && (
          <details>
            <summary>stack</summary>
            <pre tabindex={0}>{visible(call.cause.stack)}</pre>
          </details>
        )}
        {stateChanges(call.state_before, call.state_after).map((change) => (
          <p class="state">
            <span class="quiet">state {visible(change.field)}</span> <code>{visible(changeText(change))}</code>
          </p>
        ))}
      </div>
    </div>
  )
}

/** A text, or its beginning and the whole when it is opened. */
const Text: FC<{ readonly head: string; readonly length: number; readonly from: string }> = ({ head, length, from }) =>
  length <= head.length ? (
    <pre tabindex={0}>{visible(head)}</pre>
  ) : (
    <>
      <pre tabindex={0}>{`${visible(head)} …`}</pre>
      <details data-from={from}>
        <summary>
          all {length.toLocaleString('en-US')} characters (<a href={from}>as text</a>)
        </summary>
        <pre data-into tabindex={0}>
          …
        </pre>
      </details>
    </>
  )

const Gradings: FC<{ readonly heads: RolloutHeads; readonly canGrade: boolean }> = ({ heads, canGrade }) => (
  <section class="panel" aria-label="Gradings">
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
