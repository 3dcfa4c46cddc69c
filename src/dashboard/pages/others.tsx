/** @jsxRuntime automatic @jsxImportSource hono/jsx */
import type { FC } from 'hono/jsx'
import type { StoredAlarm } from '../../ledger/rollups/alarms.ts'
import { AlarmHistory, AlarmLines } from '../components/alarms.tsx'
import { countText } from '../components/text.tsx'

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

/**
 * What a browser gets that comes from another site, without its cookie: it asks for the same page once more, now from this
 * site, and shows it, or the page that asks for a key.
 */
export const Arrival: FC<{ readonly to: string }> = ({ to }) => (
  <html lang="en">
    <head>
      <meta charset="utf-8" />
      <meta http-equiv="refresh" content="0" />
      <link rel="icon" href="data:," />
      <title>Scorekeeper</title>
    </head>
    <body>
      <a href={to}>Continue</a>
    </body>
  </html>
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

/** The open alarms, and their history. */
export const Alarms: FC<{
  readonly open: readonly StoredAlarm[]
  readonly history: readonly StoredAlarm[]
  readonly now: number
}> = ({ open, history, now }) => (
  <>
    <h1>Alarms</h1>
    <p class="under">
      {open.length === 0 ? 'No alarm is open.' : `${countText(open.length)} open.`} An alarm opens when its rule holds
      in two windows in a row.
    </p>
    <AlarmLines alarms={open} isNamed now={now} />
    <h2>History</h2>
    <AlarmHistory alarms={history} none="There has been no alarm yet." now={now} />
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
