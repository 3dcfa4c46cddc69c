import { lookup } from 'node:dns/promises'
import { z } from 'zod'
import { isPublic as isPublicAddress } from '../../runtime/outbound/public-network.ts'
import { type DatasetItem, type ToolDefinition, toolDefinition } from '../simulate/agent.ts'
import { refusedRun } from '../simulate/target.ts'
import { fail, pass, skip, type Verdict, warn } from './verdict.ts'
import { type Answer, describeAnswer, jsonOf, statusOf, type Wire } from './wire.ts'

/** What a server reports about itself. */
export interface Recognised {
  /** False if it cannot be reached or refuses the run, so that nothing else can be known. */
  readonly isUsable: boolean
  readonly isScorekeeper: boolean
  /** Whether it has a grader at the given address. */
  readonly hasGrader: boolean
  /** Its tools; undefined if it does not list them. */
  readonly tools: readonly ToolDefinition[] | undefined
  readonly verdicts: readonly Verdict[]
}

/** How many requests {@link recognise} sends. */
export const recognisingRequests = 3

const description = z.looseObject({ info: z.looseObject({ title: z.string() }) })

/** What {@link recognise} needs. */
export interface RecogniseOptions {
  readonly url: URL
  readonly isPublic: boolean
  /** Where the grader should be; undefined for a server without one. */
  readonly graderUrl: string | undefined
  readonly item: DatasetItem
}

/** Finds out whether the server can be reached, whether its clock is right, and what it reports about itself. */
export async function recognise(wire: Wire, { url, isPublic, graderUrl, item }: RecogniseOptions): Promise<Recognised> {
  const sentAt = Date.now()
  const listed = await wire.get('/tools')
  const receivedAt = Date.now()
  if ('failed' in listed) {
    const why = listed.failed === 'timed_out' ? 'it does not answer in time' : `it cannot be reached: ${listed.cause}`
    const tls =
      url.protocol === 'https:' ? ', that its certificate is valid for that name and issued by a public authority' : ''
    const advice = `check that the address is right, that the server runs${tls}, and that no firewall blocks it`
    return unusable(fail('reachable', why, advice))
  }
  const refused = refusedRun.safeParse(jsonOf(listed)).data
  if (refused !== undefined) {
    return unusable(fail('run', refused.error.message, 'name a run that the key may use, with --run'))
  }
  const described = await wire.get('/openapi.json')
  const tools = statusOf(listed) === 200 ? z.array(toolDefinition).min(1).safeParse(jsonOf(listed)).data : undefined
  const { title } = description.safeParse(jsonOf(described)).data?.info ?? {}
  const verdicts = [reachable(url, isPublic), clock(listed.headers.get('date'), sentAt, receivedAt)]
  const missing = graderUrl === undefined ? undefined : missingGrader(graderUrl, await wire.grade({ output: '', item }))
  if (missing !== undefined) verdicts.push(missing)
  const hasGrader = graderUrl !== undefined && missing === undefined
  return { isUsable: true, isScorekeeper: title === 'Scorekeeper', hasGrader, tools, verdicts }
}

const unusable = (verdict: Verdict): Recognised => ({
  isUsable: false,
  isScorekeeper: false,
  hasGrader: false,
  tools: undefined,
  verdicts: [verdict],
})

function reachable(url: URL, isPublic: boolean): Verdict {
  if (url.protocol === 'https:') return pass('reachable', 'it answers over TLS, with a trusted certificate')
  if (!isPublic) return pass('reachable', 'it answers without TLS, at an address that is not public')
  const why = 'it answers without TLS: the key and every item are sent unencrypted'
  return fail('reachable', why, 'serve it over https; trainers accept no other address')
}

/** How many seconds a clock may be wrong; a wrong clock refuses valid tokens, or accepts expired ones. */
const mostSkew = { good: 30, bad: 300 }

/** The verdict on an address without a grader; undefined if there may be one. */
function missingGrader(graderUrl: string, answer: Answer): Verdict | undefined {
  if (![404, 405].includes(statusOf(answer))) return undefined
  const why = `there is no grader at ${new URL(graderUrl).pathname}: ${describeAnswer(answer)}`
  return fail('grader', why, 'state its name or path with --grader, or use --no-grader if the trainer grades elsewhere')
}

function clock(date: string | null, sentAt: number, receivedAt: number): Verdict {
  const time = Date.parse(date ?? '')
  if (Number.isNaN(time)) return skip('clock', 'the server does not send its time')
  // Its time is truncated to the second, and was sent between the two.
  const seconds = time + 1000 < sentAt ? (sentAt - time) / 1000 : time > receivedAt ? (time - receivedAt) / 1000 : 0
  if (seconds <= mostSkew.good) return pass('clock', 'its clock agrees with that of this machine')
  const why = `its clock and that of this machine are ${Math.round(seconds).toLocaleString('en-US')} s apart`
  const advice = 'synchronize both with NTP: a server with a wrong clock refuses valid tokens'
  return seconds > mostSkew.bad ? fail('clock', why, advice) : warn('clock', why, advice)
}

/** Whether any address of a host is on the public internet; true if its addresses are not known. */
export async function isPublicHost(hostname: string): Promise<boolean> {
  const host = hostname.replace(/^\[|\]$/g, '')
  const found = await lookup(host, { all: true }).catch(() => undefined)
  return found === undefined || found.some(({ address }) => isPublicAddress(address))
}
