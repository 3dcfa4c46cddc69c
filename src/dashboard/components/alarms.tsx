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
