import { type Evidence, keyOf, recorded } from '../evidence.ts'
import { accepted, type SeenCall, type SeenRequest, type SeenRollout } from '../seen.ts'
import type { Check } from './check.ts'

/** Checks every call that the trainer made. */
function calls({ seen }: Evidence): readonly { rollout: SeenRollout; call: SeenCall; key: string }[] {
  return seen.flatMap((rollout) =>
    rollout.calls.map((call) => ({ rollout, call, key: keyOf(rollout.id, call.callId) })),
  )
}

const requests = ({ seen }: Evidence): readonly (readonly [string, SeenRequest])[] =>
  seen.flatMap(({ id, calls, gradings }) => [
    ...calls.flatMap(({ callId, requests }) => requests.map((request) => [keyOf(id, callId), request] as const)),
    ...gradings.flatMap(({ sample, requests }) => requests.map((request) => [`${id} "${sample}"`, request] as const)),
  ])

const missing: Check = {
  name: 'acknowledged calls missing from the ledger',
  find(evidence) {
    const rows = new Map(evidence.rows.calls.map((row) => [keyOf(row.rolloutId, row.callId), row]))
    return calls({ ...evidence, seen: recorded(evidence) }).flatMap(({ call, key }) => {
      const [answer] = accepted(call.requests)
      if (answer === undefined) return []
      const row = rows.get(key)
      if (row === undefined) return [`${key} was answered but is not recorded`]
      const stands = (row.outcome === 'ok' || row.outcome === 'refused') && row.output === answer.output
      return stands ? [] : [`${key} was answered "${answer.output}" and is ${row.outcome} with "${row.output}"`]
    })
  },
}

const different: Check = {
  name: 'calls answered with two different outputs',
  find: (evidence) =>
    calls(evidence).flatMap(({ call, key }) => {
      const outputs = new Set(accepted(call.requests).map(({ output }) => output))
      return outputs.size > 1 ? [`${key}: ${[...outputs].join(' | ')}`] : []
    }),
}

const beginnings = {
  budget: 'the budget of ',
  unknown: 'there is no tool ',
  unfit: 'invalid arguments',
  refused: 'refused ',
  done: 'done ',
}

function expected({ tool, fits, behaviour }: SeenCall): string {
  if (tool === 'nothing') return beginnings.unknown
  if (!fits) return beginnings.unfit
  return behaviour === 'refusing' ? beginnings.refused : beginnings.done
}

const blamed: Check = {
  name: '4xx or refusals for our failures',
  find: (evidence) => [
    ...requests(evidence).flatMap(([id, { answer }]) =>
      answer.kind === 'answered' && answer.status >= 300 && answer.status < 500
        ? [`${id}: ${answer.status} ${answer.code}`]
        : [],
    ),
    ...calls(evidence).flatMap(({ call, key }) =>
      accepted(call.requests).flatMap(({ output = '' }) =>
        output.startsWith(expected(call)) || output.startsWith(beginnings.budget) ? [] : [`${key}: "${output}"`],
      ),
    ),
  ],
}

const silent: Check = {
  name: 'requests that were never answered',
  find: (evidence) =>
    requests(evidence).flatMap(([id, { answer, pid }]) => (answer.kind === 'unanswered' ? [`${id} by ${pid}`] : [])),
}

/** For this many milliseconds, a stopping process may close a connection on which a request is just arriving. */
const arriving = 500

const dropped: Check = {
  name: 'requests dropped by a graceful shutdown',
  find(evidence) {
    const stops = new Map(
      evidence.lives.flatMap(({ pid, askedToStopAt, killedAt }) =>
        askedToStopAt !== undefined && killedAt === undefined ? [[pid, askedToStopAt] as const] : [],
      ),
    )
    return requests(evidence).flatMap(([id, { answer, pid, sent, ended }]) => {
      const at = pid === undefined ? undefined : stops.get(pid)
      if (at === undefined || sent === undefined || answer.kind !== 'lost' || answer.reason === 'ECONNREFUSED')
        return []
      const when = `from ${sent - at} to ${ended - at} ms of the stop`
      return sent < at - arriving && ended >= at ? [`${id} by ${pid}: ${answer.reason}, ${when}`] : []
    })
  },
}

/** Checks of the answers that the trainer received. */
export const answerChecks: readonly Check[] = [missing, different, blamed, silent, dropped]
