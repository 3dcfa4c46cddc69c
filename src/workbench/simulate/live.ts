import { MultiBar, Presets, type SingleBar } from 'cli-progress'
import type { RolloutTrace } from './trace.ts'

/** Shows how a simulation goes. */
export interface LiveView {
  show(trace: RolloutTrace): void
  end(): void
}

/** What an agent's line says. */
interface Line {
  done: number
  rewards: number
  scored: number
  discarded: number
  calls: number
  retries: number
  differences: number
}

const linesApartMs = 2_000

/** A line an agent that is written over while it runs, on a terminal; elsewhere a line for all every two seconds. */
export function liveView(out: NodeJS.WriteStream, agents: readonly string[], perAgent: number): LiveView {
  const lines = new Map<string, Line>()
  const count = ({ agent, reward, calls, grading }: RolloutTrace): Line => {
    const empty = { done: 0, rewards: 0, scored: 0, discarded: 0, calls: 0, retries: 0, differences: 0 }
    const line = lines.get(agent) ?? empty
    lines.set(agent, line)
    line.done += 1
    if (reward === null) line.discarded += 1
    else {
      line.scored += 1
      line.rewards += reward
    }
    line.calls += calls.length
    for (const sent of grading === null ? calls : [...calls, grading]) {
      line.retries += sent.attempts - 1
      line.differences += sent.differences
    }
    return line
  }
  return out.isTTY ? barsOn(out, agents, perAgent, count) : linesOn(out, agents.length * perAgent, count, lines)
}

function barsOn(
  out: NodeJS.WriteStream,
  agents: readonly string[],
  perAgent: number,
  count: (trace: RolloutTrace) => Line,
): LiveView {
  const format =
    '{agent} {bar} {value}/{total} · reward {reward} · {calls} calls · {retries} retries · {discarded} discarded · {eta_formatted}'
  const bars = new MultiBar({ format, stream: out, hideCursor: true, barsize: 20 }, Presets.shades_classic)
  const width = Math.max(...agents.map(({ length }) => length))
  const none = { reward: '–', calls: 0, retries: 0, discarded: 0 }
  const byAgent = new Map<string, SingleBar>(
    agents.map((agent) => [agent, bars.create(perAgent, 0, { agent: agent.padEnd(width), ...none })]),
  )
  return {
    show(trace) {
      const { done, calls, retries, discarded, ...line } = count(trace)
      byAgent.get(trace.agent)?.update(done, { reward: meanOf(line), calls, retries, discarded })
    },
    end: () => bars.stop(),
  }
}

function linesOn(
  out: NodeJS.WriteStream,
  total: number,
  count: (trace: RolloutTrace) => Line,
  lines: ReadonlyMap<string, Line>,
): LiveView {
  let written = performance.now()
  return {
    end() {},
    show(trace) {
      count(trace)
      if (performance.now() - written < linesApartMs) return
      written = performance.now()
      const sum = (of: (line: Line) => number) => [...lines.values()].reduce((all, line) => all + of(line), 0)
      const done = sum((line) => line.done)
      const reward = meanOf({ rewards: sum((line) => line.rewards), scored: sum((line) => line.scored) })
      out.write(`${done} of ${total} rollouts, mean reward ${reward}, ${sum((line) => line.retries)} retries\n`)
    },
  }
}

const meanOf = ({ rewards, scored }: Pick<Line, 'rewards' | 'scored'>) =>
  scored === 0 ? '–' : (rewards / scored).toFixed(3)
