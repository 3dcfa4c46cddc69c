import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { contentHash } from '../../src/base/json.ts'
import { choicesBy, type Random, randomFrom } from '../../src/workbench/simulate/random.ts'
import type { Ends } from '../ends.ts'
import { type Answer, attemptKey, type SeenCall, type SeenGrading, type SeenRollout } from '../seen.ts'
import type { Plan, PlannedCall, PlannedUse } from './plan.ts'
import type { PostOptions } from './post.ts'
import { postPersistently, type Sender } from './requests.ts'
import { argumentsOf, endAs, giveUp, itemOf } from './rollout.ts'

/** A message, and the reading of its answer. */
interface Message extends PostOptions {
  readonly payload: unknown
}

/** A rollout of one protocol, as its client remembers it. */
interface Session {
  /** The id by which the ledger has it. */
  readonly name: string
  /** Its own name for the rollout, with which the ids of further ones may begin. */
  readonly leftNames?: string
  readonly callPath: (planned: PlannedCall) => string
  /** Whether a call is recognized that is sent twice at the same time. */
  readonly mayBeEarly: boolean
  /** Makes the message of a call for each time that it is sent; it names the call in `seen` once the name is known. */
  call(planned: PlannedCall, seen: SeenCall): () => Message
  readonly gradingPath: string
  grading(sample: string): () => Message
  /** Takes what an answer says of the session. */
  answered(headers: Readonly<Record<string, string | string[] | undefined>>): void
}

/** Opens a session; if the trainer gave up, it may have begun all the same, under a name that begins so. */
type Open = (
  sender: Sender,
  random: Random,
  plan: Plan,
  use: PlannedUse,
) => Promise<Session | Required<Pick<Session, 'leftNames'>>>

/**
 * Plays a rollout over a protocol with sessions: it begins, calls tools one after the other, is graded and ends. A lost request
 * is repeated as the protocol's client repeats it.
 */
export async function playSession(sender: Sender, ends: Ends, plan: Plan, rollouts: SeenRollout[]): Promise<void> {
  const { run, uses, wire } = plan
  const [use] = uses
  if (use === undefined) return
  const random = choicesBy(randomFrom('chaos', 'session', run, plan.id))
  const open = wire === 'ors' ? openOrs : openNemoGym
  const opened = await open(sender, random, plan, use)
  const session = 'name' in opened ? opened : undefined
  const name = session?.name ?? plan.id
  const seen: SeenRollout = {
    ...{ id: attemptKey(run, name, 1), run, name, attempt: 1, calls: [], gradings: [], ending: 'left' },
    ...{ leftNames: opened.leftNames ?? plan.id, discarded: session === undefined },
    wire: wire === 'ors' ? 'ors' : 'nemo-gym',
  }
  rollouts.push(seen)
  if (session === undefined) return
  for (const planned of use.turns.flat().slice(0, 12)) {
    // The model of such a session knows the tools.
    if (planned.tool === 'nothing') continue
    if (!(await makeCall(sender, random, session, planned, seen))) {
      seen.discarded = true
      return await giveUp(ends, use, seen)
    }
    await sleep(random.whole(5, 100))
  }
  if (plan.ending === 'idle' || plan.ending === 'closed') return await endAs(plan, ends, seen)
  const [sample = 'plain only'] = use.samples
  const grading: SeenGrading = { sample, requests: [] }
  seen.gradings.push(grading)
  const message = session.grading(sample)
  const posted = await postPersistently(sender, grading.requests, random, use.gradedTwice, session.gradingPath, message)
  if (posted !== undefined) return await endAs(plan, ends, seen)
  seen.discarded = true
  await giveUp(ends, use, seen)
}

async function makeCall(sender: Sender, random: Random, session: Session, planned: PlannedCall, seen: SeenRollout) {
  const { tool, behaviour, fits } = planned
  const early = planned.early && session.mayBeEarly
  const call: SeenCall = { callId: '', tool, behaviour, fits, requests: [] }
  const message = session.call(planned, call)
  seen.calls.push(call)
  const posted = await postPersistently(sender, call.requests, random, early, session.callPath(planned), message)
  if (posted !== undefined) session.answered(posted.headers)
  return posted !== undefined
}

const rewarded = z.looseObject({ reward: z.number() })

/** NeMo Gym: the session is a cookie that each answer renews, and with the arguments it names the next call. */
const openNemoGym: Open = async (sender, random, { run, id }, use) => {
  const base = `/runs/${run}/nemo-gym`
  const row = { ...itemOf(use), responses_create_params: { input: use.question }, _ng_rollout_id: id }
  const seeding = () => ({ payload: row, read: plainAnswer })
  const seeded = await postPersistently(sender, [], random, false, `${base}/seed_session`, seeding)
  const name = seeded?.headers['x-rollout-id']
  if (seeded === undefined || typeof name !== 'string') return { leftNames: id }
  let cookie = cookieOf(seeded.headers)
  let answered = 0
  return {
    name,
    leftNames: id,
    callPath: ({ tool }) => `${base}/${tool}`,
    mayBeEarly: true,
    call(planned, seen) {
      const payload = argumentsOf(planned)
      const sent = { payload, headers: { cookie }, read: plainAnswer }
      seen.callId = `call_${answered}_${contentHash([planned.tool, payload]).slice(0, 16)}`
      return () => sent
    },
    gradingPath: `${base}/verify`,
    grading: (sample) => () => {
      const content = [{ type: 'output_text', text: sample, annotations: [] }]
      const output = [{ type: 'message', id: 'm', role: 'assistant', status: 'completed', content }]
      return { payload: { ...row, response: { output } }, headers: { cookie }, read: rewardAnswer }
    },
    answered(headers) {
      cookie = cookieOf(headers)
      answered += 1
    },
  }
}

const cookieOf = (headers: Readonly<Record<string, string | string[] | undefined>>): string =>
  [headers['set-cookie'] ?? []]
    .flat()
    .map((cookie) => cookie.split(';', 1)[0])
    .join('; ')

const plainAnswer = (status: number, text: string): Answer => ({
  ...{ kind: 'answered', status, score: undefined, code: undefined },
  output: status === 200 ? text : undefined,
})

function rewardAnswer(status: number, text: string): Answer {
  const read = rewarded.safeParse(parsed(text))
  return { kind: 'answered', status, output: undefined, score: read.data?.reward, code: undefined }
}

const called = z.union([
  z.looseObject({
    ok: z.literal(true),
    output: z.looseObject({ blocks: z.array(z.looseObject({ text: z.string() })), reward: z.number().nullish() }),
  }),
  z.looseObject({ ok: z.literal(false), error: z.string() }),
])

/** Open Reward Standard: calls over event streams, of which the first event is the id to come back with. */
const openOrs: Open = async (sender, random, { run, id: own }, use) => {
  const base = `/runs/${run}/ors`
  let id: string | undefined
  const onText = (text: string) => {
    id ??= firstEvent(text)
  }
  const creating = () => ({ payload: {}, onText, read: eventAnswer })
  const created = await postPersistently(sender, [], random, false, `${base}/create_session`, creating)
  if (created === undefined || id === undefined) return { leftNames: own }
  const headers = { 'x-session-id': id }
  const beginning = () => ({ payload: { task_spec: itemOf(use) }, headers, read: plainAnswer })
  const begun = await postPersistently(sender, [], random, false, `${base}/create`, beginning)
  if (begun === undefined) return { leftNames: id }
  type Read = (status: number, text: string) => Answer
  const message = (name: string, input: unknown, read: Read, onId: (task: string) => void) => {
    let task: string | undefined
    return () => ({
      payload: { name, input, ...(task !== undefined && { task_id: task }) },
      headers,
      read,
      onText(text: string) {
        const first = firstEvent(text)
        if (task !== undefined || first === undefined) return
        task = first
        onId(first)
      },
    })
  }
  return {
    name: id,
    callPath: () => `${base}/call`,
    mayBeEarly: false,
    call: (planned, seen) =>
      message(planned.tool, argumentsOf(planned), eventAnswer, (task) => {
        seen.callId = task
      }),
    gradingPath: `${base}/call`,
    grading: (sample) => message('submit', { answer: sample }, scoreAnswer, () => {}),
    answered() {},
  }
}

/** The id in the first event of a stream, once that has arrived. */
const firstEvent = (text: string): string | undefined => /^event: task_id\ndata: (.+)\n\n/.exec(text)?.[1]

/** The answer in the events of a stream; a stream that ends early is lost, and an error of it is a failure. */
function eventAnswer(status: number, text: string): Answer {
  const none = { output: undefined, score: undefined, code: undefined }
  if (status !== 200) return { kind: 'answered', status, ...none }
  const events = text.split('\n\n').map((lines) => /^event: (\w+)\ndata: ?(.*)$/.exec(lines) ?? [])
  if (events.some(([, event]) => event === 'error')) return { kind: 'answered', status: 500, ...none }
  // So a call fails after its stream has begun: the client comes back.
  if (!events.some(([, event]) => event === 'end')) {
    return { kind: 'answered', status: 503, ...none, code: 'stream_ended_early' }
  }
  const data = events.flatMap(([, event, piece = '']) => (event === 'chunk' || event === 'end' ? [piece] : [])).join('')
  if (data === '') return { kind: 'answered', status, ...none }
  const read = called.parse(parsed(data))
  if (!read.ok) return { kind: 'answered', status, ...none, output: read.error }
  const { blocks, reward } = read.output
  return {
    kind: 'answered',
    status,
    ...none,
    output: blocks.map((one) => one.text).join(''),
    score: reward ?? undefined,
  }
}

/** The answer to a submission. Without a score the trainer discards the rollout, as after a failure. */
function scoreAnswer(status: number, text: string): Answer {
  const answer = eventAnswer(status, text)
  if (answer.kind !== 'answered' || answer.status !== 200 || answer.score !== undefined) return answer
  return { ...answer, status: 503 }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
