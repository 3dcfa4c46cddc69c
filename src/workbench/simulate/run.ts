import { setTimeout as sleep } from 'node:timers/promises'
import { contentHash } from '../../base/json.ts'
import type { OwnServer } from './own-server.ts'
import type { RolloutSettings } from './play-rollout.ts'
import { type SimulationPlan, simulate } from './simulate.ts'
import { type Summary, summarize } from './summary.ts'
import { count, emptyTally, type Tally } from './tally.ts'
import type { RolloutTrace } from './trace.ts'
import { openTraceFile } from './trace.ts'

/** What {@link runSimulation} needs besides the plan. */
export interface RunSettings {
  /** The trace file; resumes if it exists. */
  readonly out?: string | undefined
  /** Shows how far the simulation is. */
  readonly view?: { show(trace: RolloutTrace): void; end(): void } | undefined
  /** The server to kill and restart every `everySeconds` seconds, at most `most` times. */
  readonly killed?: { readonly server: OwnServer; readonly everySeconds: number; readonly most: number } | undefined
}

/** The result of a simulation. */
export interface SimulationResult {
  readonly agents: ReadonlyMap<string, Summary>
  readonly all: Summary
  /** How often the server was killed. */
  readonly kills: number
}

/**
 * Plays a plan, shows its progress, writes the traces, and counts. Rollouts in the trace file are counted, and not played
 * again.
 *
 * @throws Error when the trace file belongs to another dataset, and the signal's reason when that aborts.
 */
export async function runSimulation(
  rollouts: RolloutSettings,
  plan: Omit<SimulationPlan, 'isDone'>,
  { out, view, killed }: RunSettings,
  signal: AbortSignal,
): Promise<SimulationResult> {
  const tallies = new Map<string, Tally>(plan.agents.map(({ name }) => [name, emptyTally()]))
  const all = emptyTally()
  const hashes = plan.items.map(contentHash)
  const done = new Set<string>()
  const take = (trace: RolloutTrace) => {
    const tally = tallies.get(trace.agent)
    // From a run with other agents, more items or larger groups.
    if (tally === undefined || trace.item >= plan.items.length || trace.member >= plan.group) return
    if (trace.item_hash !== hashes[trace.item]) {
      throw new Error(
        `${out} was made with another dataset: its item ${trace.item} is not this one's; give another --out`,
      )
    }
    done.add(keyOf(trace.agent, trace.item, trace.member))
    count(tally, trace)
    count(all, trace)
    view?.show(trace)
  }
  const file = out === undefined ? undefined : await openTraceFile(out, take)
  const isDone = (agent: string, item: number, member: number) => done.has(keyOf(agent, item, member))
  const over = new AbortController()
  let kills = 0
  const killing = async ({ server, everySeconds, most }: NonNullable<RunSettings['killed']>) => {
    while (kills < most) {
      await sleep(everySeconds * 1000, undefined, { signal: over.signal })
      await server.killAndRestart()
      kills += 1
    }
  }
  // If the server does not restart, the simulation ends: otherwise every remaining rollout would be discarded.
  const gone = new AbortController()
  const killer = killed && killing(killed).catch((error: unknown) => over.signal.aborted || gone.abort(error))
  try {
    const onRollout = async (trace: RolloutTrace) => {
      await file?.write(trace)
      take(trace)
    }
    await simulate(rollouts, { ...plan, isDone }, onRollout, AbortSignal.any([signal, gone.signal]))
  } finally {
    over.abort()
    view?.end()
    await killer
    await file?.close()
  }
  return {
    agents: new Map([...tallies].map(([agent, tally]) => [agent, summarize(tally)])),
    all: summarize(all),
    kills,
  }
}

const keyOf = (...parts: readonly (string | number)[]): string => JSON.stringify(parts)
