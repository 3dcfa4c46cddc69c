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

/** What an alarm is about, in few words: the label of the metric that counts alarms. */
const kinds: Readonly<Record<string, readonly string[]>> = {
  outage: ['no_score', 'failed_calls'],
  keys: ['refused_keys'],
  items: ['unfit_items'],
  spread: ['no_spread', 'ceiling'],
  hacking: [
    ...['reward_without_work', 'parts_diverge', 'same_answer', 'fewer_calls', 'long_answers'],
    ...['repetitive_answers', 'jump', 'overfit'],
  ],
  budget: ['budget'],
  judge: ['judge_drift'],
  silence: ['silence', 'behind'],
}

const byName = new Map(Object.entries(kinds).flatMap(([kind, names]) => names.map((name) => [name, kind] as const)))

/** The kinds of alarms. */
export const alarmKinds: readonly string[] = Object.keys(kinds)

/** The kind of an alarm; `other` for one that no kind has. */
export const kindOf = (name: string): string => byName.get(name) ?? 'other'
