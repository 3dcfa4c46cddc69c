/** @jsxRuntime automatic @jsxImportSource hono/jsx */
import type { FC } from 'hono/jsx'
import type { ListedRollout, RolloutList } from '../../ledger/reports/rollout-list.ts'
import { visible } from '../components/page.ts'
import { At, countText, durationShort, numberText, Outcome, Parts } from '../components/text.tsx'
import { orderIn, queryText, type RolloutQuery } from '../rollout-filter.ts'

/** What the list of rollouts shows. */
export interface RolloutsProps {
  readonly run: string
  readonly query: RolloutQuery
  readonly list: RolloutList
  readonly now: number
}

const orders = [
  ['newest', 'newest'],
  ['worst', 'lowest score'],
  ['best', 'highest score'],
  ['longest', 'longest'],
  ['calls', 'most calls'],
] as const

/** Rollouts of a run: filters in the address, what was found, and the way to older ones. */
export const Rollouts: FC<RolloutsProps> = ({ run, query, list, now }) => {
  const base = `/dashboard/runs/${run}/rollouts`
  const { rollouts, searched, last, isMore } = list
  return (
    <>
      <p class="under crumbs">
        <a href="/dashboard">Runs</a> / <a href={`/dashboard/runs/${run}`}>{run}</a>
      </p>
      <h1>Rollouts</h1>
      <Filters base={base} query={query} />
      {rollouts.length === 0 ? (
        <p class="panel empty">
          {searched === 0
            ? 'There is no rollout.'
            : `None of the ${countText(searched)} rollouts that were searched fits.`}{' '}
          <a href={base}>Remove the filters</a>
        </p>
      ) : (
        <div class="panel scroll" tabindex={0}>
          <table>
            <thead>
              <tr>
                <th>rollout</th>
                <th>question</th>
                <th>answer</th>
                <th>outcome</th>
                <th class="n">score</th>
                <th>parts</th>
                <th class="n">calls</th>
                <th class="n">took</th>
                <th class="n">began</th>
              </tr>
            </thead>
            <tbody>
              {rollouts.map((rollout) => (
                <Line run={run} rollout={rollout} now={now} />
              ))}
            </tbody>
          </table>
        </div>
      )}
      <p class="pages">
        <span>
          {countText(rollouts.length)} shown, {countText(searched)} searched
        </span>
        {isMore && last !== undefined && <a href={`${base}${queryText(query, { before: String(last) })}`}>older</a>}
        {query.before !== undefined && (
          <a href={`${base}${queryText(query, { before: undefined })}`}>back to the latest</a>
        )}
      </p>
    </>
  )
}

const Line: FC<{ readonly run: string; readonly rollout: ListedRollout; readonly now: number }> = ({
  run,
  rollout,
  now,
}) => (
  <tr data-row>
    <td>
      <a class="id" href={`/dashboard/runs/${run}/rollouts/${rollout.number}`}>
        {visible(rollout.id)}
      </a>
      {rollout.attempt > 1 && <div class="quiet">attempt {rollout.attempt}</div>}
    </td>
    <td class="clip">{visible(rollout.question ?? '')}</td>
    <td class="clip answer">{visible(rollout.answer ?? '')}</td>
    <td>
      <Outcome outcome={rollout.outcome} />
      {rollout.code !== null && <div class="quiet">{visible(rollout.code)}</div>}
    </td>
    <td class="n">{numberText(rollout.score)}</td>
    <td>
      <Parts parts={rollout.parts} most={4} />
    </td>
    <td class="n">{rollout.calls}</td>
    <td class="n">{durationShort(rollout.seconds === null ? null : rollout.seconds * 1_000)}</td>
    <td class="n quiet">
      <At at={rollout.at} now={now} />
    </td>
  </tr>
)

const Filters: FC<{ readonly base: string; readonly query: RolloutQuery }> = ({ base, query }) => (
  <form class="filters" method="get" action={base}>
    <label>
      outcome
      <select name="outcome">
        <option value="">any</option>
        {['scored', 'failed', 'ungradable', 'open'].map((name) => (
          <option value={name} selected={name === query.outcome}>
            {name}
          </option>
        ))}
      </select>
    </label>
    <label>
      score from
      <input name="min" size={4} inputmode="decimal" value={query.min ?? ''} />
    </label>
    <label>
      to
      <input name="max" size={4} inputmode="decimal" value={query.max ?? ''} />
    </label>
    <label>
      part
      <input name="part" size={12} placeholder="answer<0.5" value={query.part ?? ''} />
    </label>
    <label>
      tool
      <input name="tool" size={10} value={query.tool ?? ''} />
    </label>
    <label>
      code
      <input name="code" size={12} value={query.code ?? ''} />
    </label>
    <label>
      item
      <input name="item" size={12} value={query.item ?? ''} />
    </label>
    <label>
      seconds from
      <input name="seconds" size={4} inputmode="decimal" value={query.seconds ?? ''} />
    </label>
    <label>
      answer contains
      <input name="text" size={14} value={query.text ?? ''} data-search />
    </label>
    <label>
      sorted by
      <select name="sort">
        {orders.map(([name, label]) => (
          <option value={name} selected={name === orderIn(query.sort)}>
            {label}
          </option>
        ))}
      </select>
    </label>
    <label>
      <input type="checkbox" name="failed" value="1" checked={query.failed !== undefined} /> a call failed
    </label>
    {query.from !== undefined && <input type="hidden" name="from" value={query.from} />}
    {query.to !== undefined && <input type="hidden" name="to" value={query.to} />}
    <button type="submit">filter</button>
  </form>
)
