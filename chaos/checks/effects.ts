import { grouped, keyOf } from '../evidence.ts'
import type { Check } from './check.ts'

const once: Check = {
  name: 'database effects not exactly once',
  find({ rows }) {
    const writes = grouped(rows.writes, ({ rolloutId, callId }) => keyOf(rolloutId, callId))
    const done = rows.calls.filter(({ tool, outcome }) => tool === 'write' && outcome === 'ok')
    const known = new Set(done.map(({ rolloutId, callId }) => keyOf(rolloutId, callId)))
    return [
      ...done.flatMap(({ rolloutId, callId, output }) => {
        const found = (writes.get(keyOf(rolloutId, callId)) ?? []).map(({ nonce }) => `done ${nonce}`)
        return found.length === 1 && found[0] === output
          ? []
          : [`${keyOf(rolloutId, callId)} is "${output}" and wrote ${found.length} rows: ${found.join(', ')}`]
      }),
      ...[...writes.keys()].filter((key) => !known.has(key)).map((key) => `${key} wrote but is not recorded as ok`),
    ]
  },
}

const untold: Check = {
  name: 'external effects repeated without a new execution number',
  find({ effects }) {
    const calls = grouped(effects, ({ rolloutId, callId }) => keyOf(rolloutId, callId))
    return [...calls].flatMap(([key, all]) => {
      // An execution may have several effects, but no two executions may share a number.
      const executions = [...new Map(all.map(({ nonce, execution }) => [nonce, execution])).values()]
      return new Set(executions).size === executions.length
        ? []
        : [`${key} ran ${executions.length} times, as executions ${executions.join(', ')}`]
    })
  },
}

const unreal: Check = {
  name: 'external calls recorded without their effect',
  find({ rows, effects }) {
    const nonces = new Map(effects.map(({ nonce, execution }) => [`done ${nonce}`, execution]))
    return rows.calls.flatMap(({ rolloutId, callId, tool, outcome, output, execution }) =>
      tool !== 'act' || outcome !== 'ok' || nonces.get(output) === execution
        ? []
        : [`${keyOf(rolloutId, callId)} is "${output}", execution ${execution}; the effect was ${nonces.get(output)}`],
    )
  },
}

const state: Check = {
  name: 'states that do not match their calls',
  find({ rows }) {
    const done = grouped(
      rows.calls.filter(({ outcome }) => outcome === 'ok'),
      ({ rolloutId }) => rolloutId,
    )
    return rows.rollouts.flatMap(({ id, wrote, acted }) => {
      const calls = done.get(id) ?? []
      const count = (name: string) => calls.filter(({ tool }) => tool === name).length
      return wrote === count('write') && acted === count('act')
        ? []
        : [`${id} says wrote ${wrote}, acted ${acted}; its calls ${count('write')}, ${count('act')}`]
    })
  },
}

/** Checks of the effects in the database and outside. */
export const effectChecks: readonly Check[] = [once, untold, unreal, state]
