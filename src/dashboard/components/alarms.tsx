/** @jsxRuntime automatic @jsxImportSource hono/jsx */
import type { FC } from 'hono/jsx'
import { adviceOf, titleOf } from '../alarms/advice.ts'
import type { ShownAlarm } from '../alarms/alarm.ts'
import { At } from './text.tsx'

/** What is wrong now, each with what was seen, since when, and one way on. */
export const AlarmLines: FC<{
  readonly alarms: readonly ShownAlarm[]
  /** Whether each names its run. */
  readonly isNamed?: boolean
  readonly now: number
}> = ({ alarms, isNamed = false, now }) => (
  <>
    {alarms.map((alarm) => {
      const { run, name, level, seen, since } = alarm
      const advice = adviceOf(alarm)
      return (
        <div class={`alarm panel ${level === 'warn' ? 'warn' : ''}`} role="status">
          <b class={level === 'warn' ? 'refused' : 'failed'}>{titleOf(name)}</b>
          <span>
            {isNamed && run !== '' && (
              <>
                <a href={`/dashboard/runs/${run}`}>{run}</a>
                {': '}
              </>
            )}
            {seen} Since <At at={since} now={now} />. {advice.text}
          </span>
          <a class="act" href={advice.href}>
            {advice.label}
          </a>
        </div>
      )
    })}
  </>
)

/** Alarms in a table, each with when it began and ended; `none` is shown where there are none. */
export const AlarmHistory: FC<{
  readonly alarms: readonly ShownAlarm[]
  readonly none: string
  readonly now: number
}> = ({ alarms, none, now }) =>
  alarms.length === 0 ? (
    <p class="under">{none}</p>
  ) : (
    <div class="panel scroll" tabindex={0}>
      <table class="cards">
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
          {alarms.map(({ name, level, run, seen, since, ended_at }) => (
            <tr data-row>
              <td class={`head ${level === 'page' ? 'failed' : 'refused'}`}>{titleOf(name)}</td>
              <td class="lead">
                {run === '' ? (
                  <span class="quiet">server</span>
                ) : (
                  <a class="id" href={`/dashboard/runs/${run}`}>
                    {run}
                  </a>
                )}
              </td>
              <td class="line">{seen}</td>
              <td class="n" data-label="since">
                <At at={since} now={now} />
              </td>
              <td class="n" data-label="until">
                {ended_at === null ? 'now' : <At at={ended_at} now={now} />}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
