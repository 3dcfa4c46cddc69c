import type { AddressInfo } from 'node:net'
import { serve } from '@hono/node-server'
import type { Hono } from 'hono'
import type { Agent, DatasetItem } from '../../../src/workbench/simulate/agent.ts'
import { type TrainerWireName, trainerWireOf } from '../../../src/workbench/simulate/clients/clients.ts'
import { simulate } from '../../../src/workbench/simulate/simulate.ts'
import { addressesOf } from '../../../src/workbench/simulate/target.ts'
import type { RolloutTrace } from '../../../src/workbench/simulate/trace.ts'

/** Serves an app on a socket; resolves with its address and the function that stops it. */
export function listening(app: Hono): Promise<{ readonly url: string; readonly close: () => Promise<void> }> {
  return new Promise((resolve) => {
    const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, ({ port }: AddressInfo) => {
      const close = () => new Promise<void>((closed) => void server.close(() => closed()))
      resolve({ url: `http://127.0.0.1:${port}`, close })
    })
  })
}

/** What is played over each wire. */
export interface PlayedOverWires {
  readonly url: string
  readonly agents: readonly Agent[]
  readonly items: readonly DatasetItem[]
  readonly group: number
}

/**
 * Plays the same rollouts over a wire, in a run of its own of that name, with the same seed whatever the wire is. Returns the
 * reward of each, or why it was discarded.
 */
export async function rewardsOver(
  wire: TrainerWireName,
  { url, agents, items, group }: PlayedOverWires,
): Promise<Readonly<Record<string, number | string | null>>> {
  const headers = { 'x-run': wire }
  const settings = {
    ...{ headers, timeoutSeconds: 30, pauseMs: 5, maxSteps: 20, tools: [], fault: () => undefined },
    ...addressesOf({ url, tools: '/tools/{name}', grader: '' }),
    wire: await trainerWireOf(wire, { url, headers }),
  }
  const plan = { agents, items, group, itemsPerStep: items.length, concurrency: 20, seed: 'wires', isDone: () => false }
  const traces: RolloutTrace[] = []
  await simulate(settings, plan, async (trace) => void traces.push(trace), new AbortController().signal)
  const named = traces.map(({ agent, item, member, reward, discarded }) => {
    return [`${agent} ${item} ${member}`, discarded ?? reward] as const
  })
  return Object.fromEntries(named)
}
