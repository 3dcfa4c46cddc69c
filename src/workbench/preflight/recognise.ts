import { z } from 'zod'
import { type ToolDefinition, toolDefinition } from '../simulate/agent.ts'
import { fail, pass, skip, type Verdict, warn } from './verdict.ts'
import { jsonOf, statusOf, type Wire } from './wire.ts'

/** What a server says of itself. */
export interface Recognised {
  /** False where it cannot be reached, so that nothing else can be known. */
  readonly isReachable: boolean
  readonly isScorekeeper: boolean
  /** Its tools; undefined where it does not say. */
  readonly tools: readonly ToolDefinition[] | undefined
  readonly verdicts: readonly Verdict[]
}

/** So many requests {@link recognise} sends. */
export const recognisingRequests = 2

const description = z.looseObject({ info: z.looseObject({ title: z.string() }) })

/** Finds out whether the server can be reached, whether its clock is right, and what it says of itself. */
export async function recognise(wire: Wire, url: URL, isPublic: boolean): Promise<Recognised> {
  const asked = Date.now()
  const listed = await wire.get('/tools')
  const heard = Date.now()
  if ('failed' in listed) {
    const why = listed.failed === 'timed_out' ? 'it does not answer in time' : `it cannot be reached: ${listed.cause}`
    const tls = url.protocol === 'https:' ? ', that its certificate is of a public authority and of that name' : ''
    const advice = `see that the address is right, that the server runs${tls}, and that nothing stands between`
    return { isReachable: false, isScorekeeper: false, tools: undefined, verdicts: [fail('reachable', why, advice)] }
  }
  const described = await wire.get('/openapi.json')
  const tools = statusOf(listed) === 200 ? z.array(toolDefinition).min(1).safeParse(jsonOf(listed)).data : undefined
  const { title } = description.safeParse(jsonOf(described)).data?.info ?? {}
  const verdicts = [reachable(url, isPublic), clock(listed.headers.get('date'), asked, heard)]
  return { isReachable: true, isScorekeeper: title === 'Scorekeeper', tools, verdicts }
}

function reachable(url: URL, isPublic: boolean): Verdict {
  if (url.protocol === 'https:') return pass('reachable', 'it answers over TLS, with a certificate that is trusted')
  if (!isPublic) return pass('reachable', 'it answers, without TLS, at an address that is not public')
  const why = 'it answers without TLS: the key and every item travel readable'
  return fail('reachable', why, 'serve it by https; trainers take no other address')
}

/** Seconds by which a clock may be wrong; tokens that expire are refused, or taken too long, by a clock that is. */
const mostSkew = { good: 30, bad: 300 }

function clock(date: string | null, asked: number, heard: number): Verdict {
  const said = Date.parse(date ?? '')
  if (Number.isNaN(said)) return skip('clock', 'the server does not say what time it has')
  // What it says is cut to the second, and was said between the two.
  const seconds = said + 1000 < asked ? (asked - said) / 1000 : said > heard ? (said - heard) / 1000 : 0
  if (seconds <= mostSkew.good) return pass('clock', 'its clock is that of this machine')
  const why = `its clock and that of this machine are ${Math.round(seconds).toLocaleString('en-US')} s apart`
  const advice = 'set both by NTP: tokens that expire are refused by a clock that is wrong'
  return seconds > mostSkew.bad ? fail('clock', why, advice) : warn('clock', why, advice)
}
