/** @jsxRuntime automatic @jsxImportSource hono/jsx */
import type { FC } from 'hono/jsx'
import { visible } from './page.ts'

/** A count with separators: `48,000`. */
export const countText = (count: number): string => Math.round(count).toLocaleString('en-US')

/** A mean or another number of any size, with two or three digits that matter; a dash for nothing. */
export function numberText(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return '–'
  if (Math.abs(value) >= 1_000) return countText(value)
  return Math.abs(value) >= 10 ? value.toFixed(1) : value.toFixed(2)
}

/** A share in percent; a dash for nothing. */
export function shareText(share: number | undefined): string {
  if (share === undefined || !Number.isFinite(share)) return '–'
  const percent = share * 100
  return `${percent > 0 && percent < 10 ? percent.toFixed(1) : percent.toFixed(0)} %`
}

/** Milliseconds for a person: `12 ms`, `3.4 s`, `5 min`. */
export function durationShort(ms: number | null | undefined): string {
  if (ms === null || ms === undefined) return '–'
  if (ms < 1_000) return `${ms < 10 ? ms.toFixed(1) : ms.toFixed(0)} ms`
  if (ms < 120_000) return `${(ms / 1_000).toFixed(1)} s`
  return ms < 7_200_000 ? `${Math.round(ms / 60_000)} min` : `${Math.round(ms / 3_600_000)} h`
}

/** How long ago a time was: `now`, `5 min`, `3 h`, `2 d`. */
export function agoText(at: number, now: number): string {
  const seconds = Math.max(0, (now - at) / 1_000)
  if (seconds < 60) return 'now'
  if (seconds < 7_200) return `${Math.floor(seconds / 60)} min`
  return seconds < 172_800 ? `${Math.floor(seconds / 3_600)} h` : `${Math.floor(seconds / 86_400)} d`
}

/** A time as how long ago it was; the page adds the exact one on hover. */
export const Ago: FC<{ readonly at: number; readonly now: number }> = ({ at, now }) => (
  <time datetime={new Date(at).toISOString()}>{agoText(at, now)}</time>
)

/** A time as its hour and minute in UTC, with the day unless it is today. */
export const At: FC<{ readonly at: number; readonly now: number }> = ({ at, now }) => {
  const text = new Date(at).toISOString()
  const isToday = text.slice(0, 10) === new Date(now).toISOString().slice(0, 10)
  return <time datetime={text}>{isToday ? text.slice(11, 16) : text.slice(0, 16).replace('T', ' ')}</time>
}

const outcomeClasses: Readonly<Record<string, string>> = { scored: 'ok' }

/** An outcome in its colour. */
export const Outcome: FC<{ readonly outcome: string }> = ({ outcome }) => (
  <span class={`tag ${outcomeClasses[outcome] ?? outcome}`}>{outcome}</span>
)

/** Named parts of a score, in a line. */
export const Parts: FC<{ readonly parts: Readonly<Record<string, number>> | null; readonly most?: number }> = ({
  parts,
  most = 6,
}) => {
  const all = Object.entries(parts ?? {})
  return (
    <span class="partlist">
      {all.slice(0, most).map(([name, value]) => (
        <span>
          <small>{visible(name)}</small> {numberText(value)}
        </span>
      ))}
      {all.length > most && <span class="quiet">and {all.length - most} more</span>}
    </span>
  )
}

/** A small curve without axes. */
export const Spark: FC<{ readonly values: readonly (number | undefined)[]; readonly label: string }> = ({
  values,
  label,
}) => {
  const known = values.filter((value) => value !== undefined)
  if (known.length < 2) return <span class="quiet">–</span>
  const low = Math.min(0, ...known)
  const high = Math.max(1, ...known)
  const step = 118 / (known.length - 1)
  const points = known.map(
    (value, at) => `${(1 + at * step).toFixed(1)} ${(25 - ((value - low) / (high - low)) * 24).toFixed(1)}`,
  )
  return (
    <svg class="spark" viewBox="0 0 120 26" role="img" aria-label={`${label}, the latest ${numberText(known.at(-1))}`}>
      <path class="l1" d={`M${points.join(' L')}`} />
    </svg>
  )
}
