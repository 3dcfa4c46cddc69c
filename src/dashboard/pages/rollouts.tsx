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
          <table class="cards">
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
    <td class="head">
      <a class="id" href={`/dashboard/runs/${run}/rollouts/${rollout.number}`}>
        {visible(rollout.id)}
      </a>
      {rollout.attempt > 1 && <div class="quiet">attempt {rollout.attempt}</div>}
    </td>
    <td class="clip line">{visible(rollout.question ?? '')}</td>
    <td class="clip answer line">{visible(rollout.answer ?? '')}</td>
    <td class="lead">
      <Outcome outcome={rollout.outcome} />
      {rollout.code !== null && <div class="quiet">{visible(rollout.code)}</div>}
    </td>
    <td class="n lead figure">{numberText(rollout.score)}</td>
    <td class="line">
      <Parts parts={rollout.parts} most={4} />
    </td>
    <td class="n" data-label="calls">
      {rollout.calls}
    </td>
    <td class="n" data-label="took">
      {durationShort(rollout.seconds === null ? null : rollout.seconds * 1_000)}
    </td>
    <td class="n quiet" data-label="began">
      <At at={rollout.at} now={now} />
    </td>
  </tr>
)

const Filters: FC<{ readonly base: string; readonly query: RolloutQuery }> = ({ base, query }) => {
  const { min, max, part, tool, code, item, seconds, failed, from, to } = query
  const isFolded = [min, max, part, tool, code, item, seconds, failed].every((one) => one === undefined)
  return (
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
      {/* On a narrow screen it shows the filters that follow. */}
      <label class="narrow-only">
        <input type="checkbox" data-more checked={!isFolded} /> more filters
      </label>
      <label class="more">
        score from
        <input name="min" size={4} inputmode="decimal" value={min ?? ''} />
      </label>
      <label class="more">
        to
        <input name="max" size={4} inputmode="decimal" value={max ?? ''} />
      </label>
      <label class="more">
        part
        <input name="part" size={12} placeholder="answer<0.5" value={part ?? ''} />
      </label>
      <label class="more">
        tool
        <input name="tool" size={10} value={tool ?? ''} />
      </label>
      <label class="more">
        code
        <input name="code" size={12} value={code ?? ''} />
      </label>
      <label class="more">
        item
        <input name="item" size={12} value={item ?? ''} />
      </label>
      <label class="more">
        seconds from
        <input name="seconds" size={4} inputmode="decimal" value={seconds ?? ''} />
      </label>
      <label class="more">
        <input type="checkbox" name="failed" value="1" checked={failed !== undefined} /> a call failed
      </label>
      {from !== undefined && <input type="hidden" name="from" value={from} />}
      {to !== undefined && <input type="hidden" name="to" value={to} />}
      <button type="submit">filter</button>
    </form>
  )
}
