import { randomBytes } from 'node:crypto'

/** What a connection asks for, one request after the other. */
export interface Requests {
  /** The bytes of the next request. */
  next(): string
}

/** Which requests are to be made. */
export interface Wanted {
  /** The address, such as `/tools/none`. */
  readonly path: string
  /** What goes there: calls, ten a rollout, or one grading of each rollout. */
  readonly kind: 'calls' | 'gradings'
  readonly key: string
  /** The ids of the rollouts to ask for, one after the other and round again; fresh ones when left out. */
  readonly rollouts?: readonly string[] | undefined
}

const callsOfRollout = 10
const itemsOfDataset = 64

/** Makes the requests of one connection, which goes through its rollouts one after the other. */
export function createRequests(
  { path, kind, key, rollouts }: Wanted,
  connection: number,
  connections: number,
): Requests {
  const head = `POST ${path} HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\nauthorization: Bearer ${key}\r\n`
  const request = (body: string) => `${head}content-length: ${body.length}\r\n\r\n${body}`
  let made = 0
  let rollout = ''
  let item = ''
  const nextRollout = (number: number) => {
    const at = connection + number * connections
    rollout = rollouts?.[at % rollouts.length] ?? newRolloutId()
    item = itemOf(at)
  }
  if (kind === 'gradings') {
    return {
      next() {
        nextRollout(made++)
        return request(`{"sample":{"choices":[],"output_text":"94"},"trace_id":"${rollout}","item":${item}}`)
      },
    }
  }
  return {
    next() {
      const call = made++
      if (call % callsOfRollout === 0) nextRollout(call / callsOfRollout)
      return request(callBody(rollout, call % callsOfRollout, item))
    },
  }
}

/** The body of a rollout's tool call. */
export function callBody(rollout: string, call: number, item: string): string {
  const ids = `"id":"fc_${call}","call_id":"call_${call}","trace_id":"${rollout}"`
  return `{"type":"function_call",${ids},"name":"x","arguments":"{\\"query\\":\\"net revenue 2015\\"}","item":${item}}`
}

/** A rollout's id as trainers make them: nothing in it says when it was made. */
export function newRolloutId(): string {
  return `trace_${randomBytes(16).toString('hex')}`
}

/** The dataset row of the n-th rollout, as JSON: a dataset of a few, so that rollouts come in groups. */
export function itemOf(n: number): string {
  const question = 'what is the net change in net revenue during 2015 for the corporation?'
  return `{"messages":[{"role":"user","content":"${n % itemsOfDataset}: ${question}"}],"reference_answer":"94.0"}`
}
