import { grouped } from '../evidence.ts'
import { seededRows } from '../served/environment.ts'
import type { Check } from './check.ts'

const begun: Check = {
  name: 'attempts that did not begin exactly once',
  find({ rows, ended }) {
    const beginnings = grouped(
      ended.hooks.filter(({ hook }) => hook === 'begin'),
      ({ id }) => id,
    )
    const must = new Set([
      ...rows.calls.flatMap(({ rolloutId, outcome }) => (outcome === 'ok' ? [rolloutId] : [])),
      ...ended.attempts.flatMap(({ id, begun }) => (begun ? [id] : [])),
    ])
    const never = [...must].filter((id) => !beginnings.has(id)).map((id) => `${id} did not begin`)
    const wrong = [...beginnings].flatMap(([id, all]) => {
      const isOnce = all.length === 1 && all[0]?.seeds === 1 && all[0].rows === seededRows
      return isOnce ? [] : [`${id} began ${all.length} times, with ${all.map((one) => one.rows).join(', ')} rows`]
    })
    return [...never, ...wrong]
  },
}

const kept: Check = {
  name: 'attempts without their own rows',
  find({ rows, ended }) {
    const numbers = new Set(ended.hooks.flatMap(({ hook, number }) => (hook === 'begin' ? [number] : [])))
    const atEnd = ended.hooks.flatMap(({ hook, id, number, seeds, rows }) => {
      const expected = numbers.has(number) ? 1 : 0
      const fits = hook === 'begin' || (seeds === expected && rows === expected * seededRows)
      return fits ? [] : [`${id} ended with ${rows} rows of ${seeds} seeds`]
    })
    const graded = rows.grades.flatMap(({ rolloutId, parts }) =>
      parts === null || (parts.rows === seededRows && parts.touched === parts.wrote)
        ? []
        : [`${rolloutId} was graded on ${parts.rows} rows, touched ${parts.touched} times by ${parts.wrote} calls`],
    )
    return [...atEnd, ...graded]
  },
}

const unended: Check = {
  name: 'attempts that have not ended',
  find({ ended }) {
    const after = new Set(ended.hooks.flatMap(({ hook, number }) => (hook === 'end' ? [number] : [])))
    return [
      ...ended.hooks.flatMap(({ hook, id, number }) =>
        hook === 'begin' && !after.has(number) ? [`${id} began, and its end did not run`] : [],
      ),
      ...ended.attempts.flatMap(({ id, released }) => (released ? [] : [`${id} is not released`])),
    ]
  },
}

const leaked: Check = {
  name: 'rows left after the end',
  find: ({ ended }) => ended.held.map(({ number, rows }) => `the attempt with number ${number} left ${rows} rows`),
}

const undeleted: Check = {
  name: 'rows left of a deleted run',
  find: ({ ended, deleted }) =>
    ended.left.flatMap(({ run, table, rows }) =>
      deleted.early.has(run) || deleted.late.has(run) ? [`${run} has ${rows} rows in ${table}`] : [],
    ),
}

/** Checks of what attempts begin with and leave behind. */
export const rowChecks: readonly Check[] = [begun, kept, unended, leaked, undeleted]
