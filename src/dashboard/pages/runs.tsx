/** @jsxRuntime automatic @jsxImportSource hono/jsx */
import type { FC } from 'hono/jsx'
import type { RecentBurst, RunSums } from '../../ledger/rollups/read.ts'
import { meanOf } from '../../ledger/rollups/stats.ts'
import { validationBursts } from '../../ledger/rollups/validation.ts'
import type { ShownAlarm } from '../alarms/alarm.ts'
import { AlarmLines } from '../components/alarms.tsx'
import { visible } from '../components/page.ts'
import { Ago, countText, numberText, Spark, shareText } from '../components/text.tsx'
import { shareOf } from '../curves.ts'

/** What the list of runs shows. */
export interface RunsProps {
  readonly runs: readonly RunSums[]
  readonly alarms: readonly ShownAlarm[]
  /** The part of a score that cannot be gamed; undefined if the environment names none. */
  readonly trusted: string | undefined
  /** The address of the next page. */
  readonly older: string | undefined
  readonly now: number
}

/** The runs, those that were used last first, below what is wrong now. */
export const Runs: FC<RunsProps> = ({ runs, alarms, trusted, older, now }) => (
  <>
    <h1>Runs</h1>
    <p class="under">Jobs that called this server, the latest first.</p>
    <AlarmLines alarms={alarms} isNamed now={now} />
    {runs.length === 0 ? (
      <FirstSteps />
    ) : (
      <div class="panel scroll" tabindex={0}>
        <table class="cards">
          <thead>
            <tr>
              <th>run</th>
              <th>from</th>
              <th class="n">rollouts</th>
              <th class="n">reward</th>
              <th>by burst</th>
              {trusted !== undefined && <th class="n">{trusted}</th>}
              <th class="n">no score</th>
              <th class="n">calls</th>
              <th class="n">alarms</th>
              <th class="n">last</th>
            </tr>
          </thead>
          <tbody>
            {runs.map((run) => (
              <Line run={run} alarms={alarms} trusted={trusted} now={now} />
            ))}
          </tbody>
        </table>
      </div>
    )}
    {older !== undefined && (
      <p class="pages">
        <a href={older}>older runs</a>
      </p>
    )}
  </>
)

const Line: FC<Pick<RunsProps, 'alarms' | 'trusted' | 'now'> & { readonly run: RunSums }> = ({
  run: { run, title, wire, key_name, last_at, total, recent },
  alarms,
  trusted,
  now,
}) => {
  const validations = validationBursts(recent)
  const training = recent.filter(({ bucket }) => !validations.has(bucket))
  const last = training.findLast(({ scored }) => scored > 0)
  const part = trusted === undefined ? undefined : last?.parts[trusted]
  const open = alarms.filter((alarm) => alarm.run === run)
  const lost = shareOf(total.failed + total.ungradable, total.scored + total.failed + total.ungradable)
  return (
    <tr data-row>
      <td class="head">
        <a class="id" href={`/dashboard/runs/${run}`}>
          {run}
        </a>
        {title !== null && <div class="quiet">{visible(title)}</div>}
      </td>
      <td class="quiet line">
        {wire ?? '–'}
        {key_name !== null && <div>{visible(key_name)}</div>}
      </td>
      <td class="n" data-label="rollouts">
        {countText(total.began)}
      </td>
      <td class="n lead figure" data-label="reward">
        {numberText(last && rewardOf(last))}
      </td>
      <td data-label="by burst">
        <Spark label="reward by burst" values={training.map(rewardOf)} />
      </td>
      {trusted !== undefined && (
        <td class="n" data-label={trusted}>
          {numberText(part && meanOf(part))}
        </td>
      )}
      <td class={`n ${lost !== undefined && lost >= 0.01 ? 'failed' : ''}`} data-label="no score">
        {shareText(lost)}
      </td>
      <td class="n" data-label="calls">
        {numberText(meanOf(total.calls))}
      </td>
      <td class="n" data-label="alarms">
        {open.length === 0 ? (
          <span class="quiet">0</span>
        ) : (
          <span class={open.some(({ level }) => level === 'page') ? 'failed' : 'refused'}>{open.length}</span>
        )}
      </td>
      <td class="n quiet" data-label="last">
        <Ago at={last_at} now={now} />
      </td>
    </tr>
  )
}

const rewardOf = ({ scored, sum }: RecentBurst): number | undefined => (scored > 0 ? sum / scored : undefined)

const FirstSteps: FC = () => (
  <div class="panel empty">
    <h2>No rollout is recorded yet</h2>
    <p>
      A run appears here some seconds after its first call. To see one now, let a simulated trainer call this server:
    </p>
    <pre>npm run scorekeeper -- simulate http://127.0.0.1:8000 --dataset rows.jsonl --agents example/agents.ts</pre>
    <p>Then point your trainer here; each job gets a run of its own at the address /runs/NAME.</p>
  </div>
)
