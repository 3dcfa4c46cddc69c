import type { RunSettings } from '../../workbench/simulate/run.ts'
import { type ProgressStream, progressView } from '../progress.ts'

/** A bar for each agent on a terminal; elsewhere a line for all of them every two seconds. */
export function rolloutProgress(
  out: ProgressStream,
  agents: readonly string[],
  perAgent: number,
): NonNullable<RunSettings['view']> {
  const view = progressView(out)
  const width = Math.max(...agents.map(({ length }) => length))
  const all = out.isTTY ? undefined : lineFor(view.bar('rollouts', agents.length * perAgent))
  const byAgent = new Map(
    all ? [] : agents.map((agent) => [agent, lineFor(view.bar(agent.padEnd(width), perAgent))] as const),
  )
  return { show: (trace) => (all ?? byAgent.get(trace.agent))?.(trace), end: view.end }
}

/** Counts the rollouts of a bar. */
function lineFor(bar: ReturnType<ReturnType<typeof progressView>['bar']>) {
  let [done, scored, rewards, calls, retries] = [0, 0, 0, 0, 0]
  return (trace: Parameters<NonNullable<RunSettings['view']>['show']>[0]) => {
    done += 1
    if (trace.reward !== null) {
      scored += 1
      rewards += trace.reward
    }
    calls += trace.calls.length
    for (const sent of trace.grading === null ? trace.calls : [...trace.calls, trace.grading]) {
      retries += sent.attempts - 1
    }
    const reward = scored === 0 ? '–' : (rewards / scored).toFixed(3)
    bar.set(done, `reward ${reward} · ${calls} calls · ${retries} retries · ${done - scored} discarded`)
  }
}
