/** @jsxRuntime automatic @jsxImportSource hono/jsx */
import type { FC } from 'hono/jsx'
import { stringifyExactly } from '../../base/exact-json.ts'
import type { CallHead, RolloutHeads } from '../../ledger/reports/rollout-heads.ts'
import { visible } from '../components/page.ts'
import { Outcome } from '../components/text.tsx'
import { beganAt, causeLines, changeText, counted, offsetText, splitItem, stateChanges, took } from '../rollout-view.ts'

/** The address of a rollout's page. */
export const baseOf = ({ run, number }: Pick<RolloutHeads, 'run' | 'number'>) =>
  `/dashboard/runs/${run}/rollouts/${number}`

/** What the functions about times need. */
export const timesOf = (heads: RolloutHeads) => ({
  ...heads,
  calls: heads.calls.map((call) => ({ ...call, arguments: null })),
  gradings: [],
})

/** Question, calls in order with what each said, answer and state. */
export const Story: FC<{ readonly heads: RolloutHeads; readonly seesReference: boolean }> = ({
  heads,
  seesReference,
}) => {
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
          <p class="quiet text">The rollout is not graded, so its answer is unknown.</p>
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
