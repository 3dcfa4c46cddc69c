import { type Evidence, grouped, keyOf } from '../evidence.ts'
import type { SeenBox } from '../sandboxes/watch.ts'
import { swallowed } from '../served/boxed.ts'
import type { Check } from './check.ts'

const boxesOf = ({ sandboxes }: Evidence): readonly SeenBox[] => sandboxes?.boxes ?? []

/** The sandboxes whose labels are known, by what each rollout has once. */
const byRollout = (evidence: Evidence) =>
  grouped(
    boxesOf(evidence).filter(({ labels }) => labels !== undefined),
    ({ labels }) => `rollout ${labels?.rollout}, ${labels?.name}`,
  )

const second: Check = {
  name: 'sandboxes created a second time',
  find: (evidence) =>
    [...byRollout(evidence)].flatMap(([key, all]) =>
      all.length > 1
        ? [`${key} has ${all.map(({ handle, labels }) => `${handle} (${labels?.generation})`).join(', ')}`]
        : [],
    ),
}

const left: Check = {
  name: 'sandboxes left after the reaper',
  find({ sandboxes }) {
    const { listed, recorded } = sandboxes?.left ?? { listed: 0, recorded: 0 }
    return [
      ...(listed > 0 ? [`the provider lists ${listed}`] : []),
      ...(recorded > 0 ? [`the ledger has ${recorded} that are not closed`] : []),
    ]
  },
}

const twice: Check = {
  name: 'commands run twice',
  find: (evidence) =>
    [...byRollout(evidence)].flatMap(([key, all]) => {
      // A line is the name of a command and the nonce of the execution that ran it.
      const commands = grouped(
        all.flatMap(({ lines }) => lines),
        (line) => line.split(' ')[0] ?? '',
      )
      return [...commands].flatMap(([name, lines]) =>
        lines.length > 1 ? [`${key}: ${name} ran ${lines.length} times: ${lines.join(', ')}`] : [],
      )
    }),
}

const zeros: Check = {
  name: 'scores of broken sandboxes',
  find(evidence) {
    const { seen, rows, ended } = evidence
    const numbers = new Map(ended.hooks.map(({ number, id }) => [String(number), id]))
    const removed = new Map(
      boxesOf(evidence).flatMap(({ labels, removedAt }) => {
        const id = numbers.get(labels?.rollout ?? '')
        return id === undefined || removedAt === undefined ? [] : [[id, removedAt] as const]
      }),
    )
    const rollouts = new Map(seen.map((rollout) => [rollout.id, rollout]))
    const scored = rows.grades.filter(({ outcome }) => outcome === 'scored')
    return scored.flatMap(({ rolloutId, sample, score, reason }) => {
      // A grader of the harness gives 0 for a sandbox that fails, or lacks what the calls did, and for nothing else.
      if (score === 0) return [`${rolloutId} "${sample}" has the score 0: ${reason}`]
      const requests = rollouts.get(rolloutId)?.gradings.find((one) => one.sample === sample)?.requests ?? []
      const began = Math.min(...requests.map((one) => one.began))
      const at = removed.get(rolloutId)
      return at !== undefined && at < began
        ? [`${rolloutId} "${sample}" was scored, its sandbox was removed before`]
        : []
    })
  },
}

const unnoticed: Check = {
  name: 'calls answered although their sandbox failed',
  find: ({ rows }) =>
    rows.calls.flatMap(({ rolloutId, callId, outcome, output }) =>
      outcome === 'ok' && output.startsWith(swallowed) ? [keyOf(rolloutId, callId)] : [],
    ),
}

const caps: Check = {
  name: 'limits of sandboxes exceeded',
  find({ sandboxes }) {
    if (sandboxes === undefined) return []
    const { most, caps } = sandboxes
    const over = (what: string, count: number, limit: number) =>
      count > limit ? [`${what}: ${count} of ${limit}`] : []
    return [
      ...over('in the list of the provider', most.listed, caps.open),
      ...over('places in the ledger', most.held, caps.open),
      ...over('places of opening sandboxes in the ledger', most.opening, caps.opening),
    ]
  },
}

/** Checks of sandboxes; each finds nothing in a run without them. */
export const sandboxChecks: readonly Check[] = [second, left, twice, zeros, unnoticed, caps]
