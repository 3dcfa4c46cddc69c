import { grouped, keyOf } from '../evidence.ts'
import { environment } from '../served/environment.ts'
import type { Check } from './check.ts'

const budget = environment.budget ?? Number.POSITIVE_INFINITY

const gaps: Check = {
  name: 'gaps or duplicates in seq',
  find({ rows }) {
    const calls = grouped(rows.calls, ({ rolloutId }) => rolloutId)
    const counts = new Map(rows.rollouts.map(({ id, calls }) => [id, calls]))
    return [...new Set([...calls.keys(), ...counts.keys()])].flatMap((id) => {
      const seqs = (calls.get(id) ?? []).map(({ seq }) => seq).sort((a, b) => a - b)
      const whole = seqs.every((seq, index) => seq === index + 1) && seqs.length === counts.get(id)
      return whole ? [] : [`${id} counts ${counts.get(id)} calls and has ${seqs.join(', ')}`]
    })
  },
}

const exceeded: Check = {
  name: 'budgets exceeded, or not used up',
  find: ({ rows }) =>
    rows.calls.flatMap(({ rolloutId, callId, seq, code }) =>
      seq > budget === (code === 'budget_used_up') ? [] : [`${keyOf(rolloutId, callId)} is number ${seq}: ${code}`],
    ),
}

const running: Check = {
  name: 'calls left running forever',
  find: ({ rows }) =>
    rows.calls.flatMap(({ rolloutId, callId, outcome }) => (outcome === 'running' ? [keyOf(rolloutId, callId)] : [])),
}

const fallen: Check = {
  name: 'replicas that ended by themselves',
  find: ({ lives }) =>
    lives.flatMap(({ replica, pid, askedToStopAt, killedAt, endedAt }) =>
      endedAt !== undefined && askedToStopAt === undefined && killedAt === undefined
        ? [`replica ${replica}, process ${pid}`]
        : [],
    ),
}

const stuck: Check = {
  name: 'graceful shutdowns that did not end',
  find: ({ lives }) =>
    lives.flatMap(({ replica, pid, askedToStopAt, killedAt }) =>
      askedToStopAt !== undefined && killedAt !== undefined ? [`replica ${replica}, process ${pid}`] : [],
    ),
}

/** Checks of the ledger and the processes at the end. */
export const orderChecks: readonly Check[] = [gaps, exceeded, running, fallen, stuck]
