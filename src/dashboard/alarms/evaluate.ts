import type { StoredAlarm } from '../../ledger/rollups/alarms.ts'
import type { AlarmLevel } from './alarm.ts'
import { minuteWindowsOf, type RunHistory, windowsOf } from './history.ts'
import { type Finding, runRules } from './rules.ts'
import { thresholds } from './thresholds.ts'

/** What a rule says of the latest two windows. */
export interface Verdict {
  readonly run: string
  readonly name: string
  /** `alarm` in both windows, `ok` in both, `unsure` between the two. */
  readonly state: 'alarm' | 'ok' | 'unsure' | 'no data'
  readonly level: AlarmLevel
  readonly seen: string
}

const noData: Finding = { state: 'no data' }

/** What all rules say of a run. */
export function judgeRun(run: string, history: RunHistory): readonly Verdict[] {
  const windows = windowsOf(history)
  const minutes = minuteWindowsOf(history)
  const verdicts = runRules.map(({ name, find, isOutage = false }) => {
    const [byPoints, byMinutes] = [windows, isOutage ? minutes : []].map(([latest, earlier]) =>
      verdictOf(
        run,
        name,
        latest === undefined ? noData : find(latest),
        earlier === undefined ? noData : find(earlier),
      ),
    )
    return worse(byPoints, byMinutes) ?? verdictOf(run, name, noData, noData)
  })
  return [...verdicts, silenceOf(run, history)]
}

/** The more serious of two verdicts. */
function worse(one: Verdict | undefined, other: Verdict | undefined): Verdict | undefined {
  const rank = (verdict: Verdict | undefined) =>
    verdict === undefined ? -1 : states.indexOf(verdict.state) + (verdict.level === 'page' ? 0.5 : 0)
  return rank(other) > rank(one) ? other : one
}

/** From the least serious to the most. */
const states: readonly Verdict['state'][] = ['no data', 'ok', 'unsure', 'alarm']

/** The verdict of two windows: what began must hold in both, and what ends in neither. */
export function verdictOf(run: string, name: string, latest: Finding, earlier: Finding): Verdict {
  const made = (state: Verdict['state'], level: AlarmLevel = 'warn', seen = ''): Verdict => ({
    run,
    name,
    state,
    level,
    seen,
  })
  if (latest.state === 'alarm' && earlier.state === 'alarm') {
    const level = latest.level === 'page' && earlier.level === 'page' ? 'page' : 'warn'
    return made('alarm', level, latest.seen)
  }
  if (latest.state === 'no data') return made('no data')
  if (latest.state === 'ok' && earlier.state !== 'alarm') return made('ok')
  return made('unsure')
}

/** A run whose bursts came regularly, and that has stopped. After some hours it has simply ended. */
function silenceOf(run: string, { training, validations, now }: RunHistory): Verdict {
  const { pauses, leastMinutes, leastBursts, mostHours } = thresholds.silence
  const made = (state: Verdict['state'], seen = ''): Verdict => ({ run, name: 'silence', state, level: 'warn', seen })
  const all = [...training, ...validations].sort((a, b) => a.first_at - b.first_at)
  const last = all.at(-1)
  if (last === undefined || all.length < leastBursts) return made('no data')
  const gaps = all.slice(-20).flatMap((point, at, list) => {
    const before = list[at - 1]
    return before === undefined ? [] : [point.first_at - before.last_at]
  })
  const limit = Math.max(leastMinutes * 60_000, pauses * Math.max(...gaps))
  const quiet = now - last.last_at
  if (quiet > mostHours * 3_600_000) return made('ok')
  if (quiet <= limit) return made('ok')
  const minutes = (ms: number) => `${Math.round(ms / 60_000)} minutes`
  return made(
    'alarm',
    `No rollout began for ${minutes(quiet)}; the longest pause before was ${minutes(Math.max(...gaps))}.`,
  )
}

/** How long an alarm lasts without data before it ends, in milliseconds. */
const longestWithoutDataMs = 3_600_000

/** What has to be stored and said after the rules were evaluated. */
export interface Outcome {
  readonly stored: readonly StoredAlarm[]
  /** Alarms that began, became a page, or ended: each is said once. */
  readonly said: readonly { readonly what: 'began' | 'rose' | 'ended'; readonly alarm: StoredAlarm }[]
}

/** Compares the verdicts with the alarms that last. */
export function nextAlarms(open: readonly StoredAlarm[], verdicts: readonly Verdict[], now: number): Outcome {
  const keyOf = ({ run, name }: Pick<StoredAlarm, 'run' | 'name'>) => `${run}/${name}`
  const lasting = new Map(open.map((alarm) => [keyOf(alarm), alarm]))
  const stored: StoredAlarm[] = []
  const said: Outcome['said'][number][] = []
  for (const { run, name, state, level, seen } of verdicts) {
    const known = lasting.get(keyOf({ run, name }))
    if (known === undefined) {
      if (state !== 'alarm') continue
      const alarm = { run, name, level, seen, since: now, updated_at: now, ended_at: null }
      stored.push(alarm)
      said.push({ what: 'began', alarm })
      continue
    }
    const isOver = state === 'ok' || (state === 'no data' && now - known.updated_at > longestWithoutDataMs)
    if (isOver) {
      const alarm = { ...known, ended_at: now }
      stored.push(alarm)
      said.push({ what: 'ended', alarm })
    } else if (state === 'alarm') {
      // It does not sink again while it lasts, so that it is not said again when it rises once more.
      const alarm = { ...known, level: known.level === 'page' ? known.level : level, seen, updated_at: now }
      stored.push(alarm)
      if (known.level === 'warn' && level === 'page') said.push({ what: 'rose', alarm })
    }
  }
  return { stored, said }
}
