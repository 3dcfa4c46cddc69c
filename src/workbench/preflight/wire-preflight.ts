import { type TrainerWireName, trainerWireOf } from '../simulate/clients/clients.ts'
import type { TrainerClient } from '../simulate/clients/trainer-wire.ts'
import { NotDelivered } from '../simulate/deliver.ts'
import type { RolloutSettings } from '../simulate/play-rollout.ts'
import { send } from '../simulate/send.ts'
import { targetOf } from '../simulate/target.ts'
import { firstItems } from './dataset-check.ts'
import { knownTools } from './known-tools.ts'
import type { PreflightSettings } from './settings.ts'
import { fail, pass, skip, type Verdict, warn } from './verdict.ts'

/** How a wire beside Agent RFT is checked. */
export interface WirePreflightSettings
  extends Pick<
    PreflightSettings,
    'url' | 'headers' | 'runHeaders' | 'dataset' | 'timeoutSeconds' | 'range' | 'signal' | 'only' | 'calls'
  > {
  readonly wire: Exclude<TrainerWireName, 'agent-rft'>
  /** The path of the wire at the server; by default its name. */
  readonly path?: string | undefined
}

/** Names that the protocols need for themselves. */
const gymNames = ['verify', 'seed_session', 'aggregate_metrics', 'mcp', 'reset', 'step', 'close', 'reverify_mode']
const reserved: Readonly<Record<WirePreflightSettings['wire'], readonly string[]>> = {
  'nemo-gym': gymNames,
  verifiers: gymNames,
  ors: [],
  mcp: [],
}

/** Requests outside of a session, none of which may be answered as if it were inside: a call, and what would score. */
const gymOutside = (tool: string): readonly Outside[] => [
  { what: 'a call without its cookie', path: `/${encodeURIComponent(tool)}`, body: {} },
  { what: '/verify without its cookie', path: '/verify', body: { response: { output: [] } } },
]
const outside: Readonly<Record<WirePreflightSettings['wire'], (tool: string) => readonly Outside[]>> = {
  'nemo-gym': gymOutside,
  verifiers: gymOutside,
  ors: (tool) => [
    { what: 'a call without a session', path: '/call', body: { name: tool, input: {} } },
    { what: 'a call in an unknown session', path: '/call', body: { name: tool, input: {} }, session: 'preflight' },
  ],
  mcp: (tool) => [
    {
      what: 'a call with an unknown token',
      path: '/preflight.unknown',
      body: { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: tool, arguments: {} } },
    },
  ],
}

interface Outside {
  readonly what: string
  readonly path: string
  readonly body: unknown
  readonly session?: string
}

/**
 * Checks a server over a wire as its trainer's client uses it: a rollout begins, a repeated call is one call, a request
 * outside of a session gets neither an output nor a reward, a rollout is scored, no tool has a name that the protocol needs.
 *
 * @throws what reading the dataset throws, an Error if it has no item, and the signal's reason when that aborts.
 */
export async function preflightWire(
  settings: WirePreflightSettings,
  tell: (verdict: Verdict) => void,
): Promise<number> {
  const { wire: name, url, dataset, timeoutSeconds, range, signal, path = `/${name}` } = settings
  const headers = { ...settings.runHeaders, ...settings.headers }
  const items = await firstItems(dataset, 20)
  const [item] = items
  if (item === undefined) throw new Error(`${dataset} has no row with messages`)
  let sent = 0
  const onAttempt = () => {
    sent += 1
  }
  const target = await targetOf({ url, headers, tools: '/tools/{name}', grader: '' })
  const tools = knownTools({ ...settings, offered: target.tools, items })
  const taken = tools.filter((tool) => reserved[name].includes(tool.name))
  if (taken.length > 0) {
    const names = taken.map((tool) => `"${tool.name}"`).join(', ')
    tell(fail('names', `the protocol needs ${names} for itself`, 'rename the tools'))
  } else tell(pass('names', `${tools.length} tools, none with a name that the protocol needs`))
  const [tool] = tools
  if (tool === undefined) {
    tell(fail('begin', 'no tool is known', 'name one with --call \'search={"query":"revenue"}\''))
    return sent
  }

  const base = url.replace(/\/+$/, '') + path
  for (const { what, path: at, body, session } of outside[name](tool.name)) {
    const own = { accept: 'application/json, text/event-stream', ...(session && { 'x-session-id': session }) }
    onAttempt()
    const answer = await send(
      base + at,
      JSON.stringify(body),
      { headers: { ...headers, ...own }, timeoutSeconds },
      signal,
    )
    tell(outsideVerdict(what, answer))
  }

  let fault: 'duplicate' | undefined
  const rollouts: RolloutSettings = {
    ...target,
    ...{ headers, timeoutSeconds, pauseMs: 1000, maxSteps: 20, onAttempt, fault: () => fault },
  }
  try {
    const open = await trainerWireOf(name, { url, path, headers })
    if (open === undefined) throw new Error(`${name} has no client of its own`)
    const client = await open({ id: 'preflight', item, index: 0, settings: rollouts, signal })
    tell(pass('begin', 'a rollout begins with the first item of the dataset'))
    fault = 'duplicate'
    tell(await callVerdict(client, tool))
    tell(await scoreVerdict(client, range, signal))
    fault = undefined
    await client.close?.(signal)
  } catch (error) {
    if (signal.aborted) throw error
    const why = error instanceof NotDelivered ? `no rollout begins: ${error.errors.at(-1)}` : textOf(error)
    tell(fail('begin', why, `check the address ${base} and the key`))
  }
  return sent
}

function outsideVerdict(what: string, answer: Awaited<ReturnType<typeof send>>): Verdict {
  if ('failed' in answer)
    return fail('outside a session', `${what} gets no answer: ${answer.failed}`, 'answer with an error')
  const { status, text = '' } = answer
  const isError = status >= 400 || /"error"|event: ?error|"ok": ?false/.test(text)
  const isScored = /"reward": ?-?\d/.test(text)
  if (isError && !isScored) return pass('outside a session', `${what} is refused (${status})`)
  const advice = 'answer with an error: an output or a reward would belong to no rollout'
  return fail('outside a session', `${what} is answered with ${status}: ${text.slice(0, 80)}`, advice)
}

async function callVerdict(client: TrainerClient, tool: { readonly name: string; readonly arguments: unknown }) {
  const call = { callId: 'call_preflight', tool: tool.name, arguments: JSON.stringify(tool.arguments) }
  try {
    const { status, text, repeats, differences } = await client.call(call)
    if (status >= 400)
      return fail('call', `"${tool.name}" answers ${status}: ${text.slice(0, 120)}`, 'see the log of the server')
    if (repeats === 0) return skip('call again', 'the call was not repeated')
    if (differences > 0) {
      return fail(
        'call again',
        `"${tool.name}" answers a repeated call otherwise`,
        'recognize repeated calls, and answer them from the record',
      )
    }
    return pass('call again', `a call of "${tool.name}" that is repeated gets the same answer`)
  } catch (error) {
    return fail('call', `"${tool.name}" is not answered: ${textOf(error)}`, 'see the log of the server')
  }
}

async function scoreVerdict(client: TrainerClient, [least, most]: readonly [number, number], signal: AbortSignal) {
  try {
    const { delivered, reward } = await client.grade({ text: 'preflight' }, [], signal)
    if (reward === undefined) {
      const said = delivered.text.slice(0, 120)
      return warn('score', `the rollout gets no score (${delivered.status}): ${said}`, 'see the log of the server')
    }
    if (reward < least || reward > most) {
      return fail('score', `the reward is ${reward}, outside of ${least} to ${most}`, 'state the range with --range')
    }
    if (delivered.differences > 0)
      return fail('score', 'a repeated grading has another score', 'grade each rollout once')
    return pass('score', `the rollout is scored ${reward}, and the same when it is graded again`)
  } catch (error) {
    return fail('score', `the grading is not answered: ${textOf(error)}`, 'see the log of the server')
  }
}

const textOf = (error: unknown) => (error instanceof Error ? error.message : String(error))
