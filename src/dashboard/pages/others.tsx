/** @jsxRuntime automatic @jsxImportSource hono/jsx */
import type { FC } from 'hono/jsx'
import type { StoredAlarm } from '../../ledger/rollups/alarms.ts'
import { titleOf } from '../alarms/advice.ts'
import { AlarmLines } from '../components/alarms.tsx'
import { At, countText } from '../components/text.tsx'

/** The page that asks for a key. */
export const Login: FC<{ readonly problem: string | undefined; readonly next: string }> = ({ problem, next }) => (
  <form class="login panel" method="post" action="/dashboard/login">
    <h1>Scorekeeper</h1>
    <p class="under">A key or a token with the scope read.</p>
    {problem !== undefined && (
      <p class="error" role="alert">
        {problem}
      </p>
    )}
    <input type="hidden" name="next" value={next} />
    <label>
      Key
      <input type="password" name="key" autocomplete="current-password" required autofocus />
    </label>
    <button type="submit">log in</button>
  </form>
)

/** The tail of what arrives. */
export const Live: FC = () => (
  <>
    <h1>Live</h1>
    <p class="under">
      Rollouts that begin, and gradings.{' '}
      <span data-live-state role="status">
        connecting
      </span>{' '}
      <button type="button" data-pause hidden>
        pause
      </button>
    </p>
    <ul class="panel tail" data-live="/dashboard/live/events" aria-label="What arrives" />
  </>
)

/** The alarms that last, and their history. */
export const Alarms: FC<{
  readonly open: readonly StoredAlarm[]
  readonly history: readonly StoredAlarm[]
  readonly now: number
}> = ({ open, history, now }) => (
  <>
    <h1>Alarms</h1>
    <p class="under">
      {open.length === 0 ? 'Nothing is wrong.' : `${countText(open.length)} now.`} An alarm begins after two windows in
      a row.
    </p>
    <AlarmLines alarms={open} isNamed now={now} />
    <h2>History</h2>
    {history.length === 0 ? (
      <p class="under">There was no alarm yet.</p>
    ) : (
      <div class="panel scroll" tabindex={0}>
        <table>
          <thead>
            <tr>
              <th>alarm</th>
              <th>run</th>
              <th>seen</th>
              <th class="n">since</th>
              <th class="n">until</th>
            </tr>
          </thead>
          <tbody>
            {history.map(({ name, level, run, seen, since, ended_at }) => (
              <tr data-row>
                <td class={level === 'page' ? 'failed' : 'refused'}>{titleOf(name)}</td>
                <td>
                  {run === '' ? (
                    <span class="quiet">server</span>
                  ) : (
                    <a class="id" href={`/dashboard/runs/${run}`}>
                      {run}
                    </a>
                  )}
                </td>
                <td>{seen}</td>
                <td class="n">
                  <At at={since} now={now} />
                </td>
                <td class="n">{ended_at === null ? 'now' : <At at={ended_at} now={now} />}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    )}
  </>
)

/** A fact of the server's health. */
export interface HealthFact {
  readonly name: string
  readonly value: string
  readonly isBad?: boolean
}

/** Facts that belong together. */
export interface HealthSection {
  readonly title: string
  readonly facts: readonly HealthFact[]
}

/** The state of the server and of its database. */
export const Health: FC<{ readonly sections: readonly HealthSection[] }> = ({ sections }) => (
  <>
    <h1>Health</h1>
    <p class="under">This replica, and the database that all replicas share.</p>
    {sections.map(({ title, facts }) => (
      <>
        <h2>{title}</h2>
        <dl class="figures">
          {facts.map(({ name, value, isBad = false }) => (
            <div>
              <dt>{name}</dt>
              <dd class={`${value.length > 14 ? 'text' : ''} ${isBad ? 'failed' : ''}`}>{value}</dd>
            </div>
          ))}
        </dl>
      </>
    ))}
  </>
)

/** A page that cannot be shown, and why. */
export const Problem: FC<{ readonly title: string; readonly text: string }> = ({ title, text }) => (
  <div class="panel empty">
    <h2>{title}</h2>
    <p>{text}</p>
    <p>
      <a href="/dashboard">Runs</a>
    </p>
  </div>
)
