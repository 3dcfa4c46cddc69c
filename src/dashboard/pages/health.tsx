/** @jsxRuntime automatic @jsxImportSource hono/jsx */
import type { FC } from 'hono/jsx'
import type { ShownAlarm } from '../alarms/alarm.ts'
import { AlarmHistory, AlarmLines } from '../components/alarms.tsx'

/** A fact of the server's health. */
export interface HealthFact {
  readonly name: string
  readonly value: string
  readonly isBad?: boolean
}

/** Facts that belong together. */
export interface HealthSection {
  readonly title: string
  /** What the facts are about: this process or all of them, and since when. */
  readonly about: string
  readonly facts: readonly HealthFact[]
}

/** What the page of the server's health shows. */
export interface HealthProps {
  readonly sections: readonly HealthSection[]
  /** The open alarms, and the latest ones that ended. */
  readonly open: readonly ShownAlarm[]
  readonly ended: readonly ShownAlarm[]
  readonly now: number
}

/** The state of the server and of its database. */
export const Health: FC<HealthProps> = ({ sections, open, ended, now }) => (
  <>
    <h1>Health</h1>
    <p class="under">
      This replica, and the database that all replicas share. The page shows the state when it was loaded.
    </p>
    {open.length === 0 ? <p class="under">No alarm is open.</p> : <AlarmLines alarms={open} isNamed now={now} />}
    {sections.map(({ title, about, facts }) => (
      <>
        <h2>
          {title} <small class="quiet">{about}</small>
        </h2>
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
    <h2>
      Alarms that ended <small class="quiet">the latest; the Alarms page has more</small>
    </h2>
    <AlarmHistory alarms={ended} none="No alarm has ended yet." now={now} />
  </>
)
