/** How urgent an alarm is: `page` for what ruins a run while it lasts. */
export type AlarmLevel = 'warn' | 'page'

/** An alarm as it is shown. Times are milliseconds since 1970. */
export interface ShownAlarm {
  /** The run; empty for the server as a whole. */
  readonly run: string
  /** Its stable name, such as `reward_without_work`. */
  readonly name: string
  readonly level: AlarmLevel
  /** What was seen, in a sentence. */
  readonly seen: string
  readonly since: number
  /** When it ended; null while it lasts. */
  readonly ended_at: number | null
}
