import { createHash, randomBytes } from 'node:crypto'
import type { SteadyWish } from './load-wish.ts'

/** The requests of a connection, one after the other. */
export interface Requests {
  /** The next request as bytes on the wire, in parts. */
  next(): RequestParts
}

/** A request in parts, so that a long item is copied by no one but the system. Texts are ASCII. */
export type RequestParts = readonly (string | Buffer)[]

/** Stands in a body where a long item comes. */
const itemMark = '\u0000item'

/** How many calls a rollout makes. */
export const callsOfRollout = 10

/** How many items the dataset has. */
export const itemsOfDataset = 64

type RequestsWish = Pick<SteadyWish, 'path' | 'kind' | 'key' | 'rollouts' | 'calls'>

/** An item of the dataset as JSON; a long one as bytes too. */
interface Item {
  readonly text: string
  readonly bytes: Buffer | undefined
}

/** The items of the dataset, made once for all connections. */
export function makeItems(itemBytes?: number): readonly Item[] {
  return Array.from({ length: itemsOfDataset }, (_, n) => {
    const text = itemOf(n, itemBytes)
    return { text, bytes: text.length < longItem ? undefined : Buffer.from(text) }
  })
}

/** From this length on, an item is a part of its own. */
const longItem = 16_384

const noItem: Item = { text: '{}', bytes: undefined }

/** Makes the requests of one connection, which plays its rollouts one after the other, with these items. */
export function createRequests(
  { path, kind, key, rollouts, calls }: RequestsWish,
  items: readonly Item[],
  connection: number,
  connections: number,
): Requests {
  const rolloutAt = (n: number) =>
    rollouts === undefined ? newRolloutId() : seededId(rollouts.seed, rollouts.from + (n % rollouts.count))
  const itemAt = (n: number) => items[n % items.length] ?? noItem
  const partsOf = ({ text, bytes }: Item, bodyOf: (item: string) => string): RequestParts => {
    if (bytes === undefined) return [requestText(path, key, bodyOf(text))]
    const [before = '', after = ''] = bodyOf(itemMark).split(itemMark)
    return [`${headText(path, key, before.length + bytes.length + after.length)}${before}`, bytes, after]
  }
  let made = 0
  if (kind === 'gradings') {
    return {
      next() {
        const at = connection + connections * made++
        return partsOf(itemAt(at), (item) => gradingBody(rolloutAt(at), item))
      },
    }
  }
  let rollout = ''
  let item = noItem
  return {
    next() {
      const call = made++ % callsOfRollout
      if (call === 0) {
        const at = connection + connections * Math.floor(made / callsOfRollout)
        rollout = rolloutAt(at)
        item = itemAt(at)
      }
      const asked = calls?.[(connection + connections * (made - 1)) % calls.length]
      return partsOf(item, (item) => callBody(rollout, call, item, asked))
    },
  }
}

/** An HTTP request. The body must be ASCII, so that characters are bytes; `headers` are further header lines. */
export function requestText(path: string, key: string, body: string, headers = ''): string {
  return `${headText(path, key, body.length, headers)}${body}`
}

function headText(path: string, key: string, length: number, headers = ''): string {
  const head = `POST ${path} HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\nauthorization: Bearer ${key}\r\n`
  return `${head}${headers}content-length: ${length}\r\n\r\n`
}

/** The body of a rollout's tool call. */
export function callBody(
  rollout: string,
  call: number,
  item: string,
  { name, arguments: args } = { name: 'x', arguments: '{"query":"net revenue 2015"}' },
): string {
  const ids = `"id":"fc_${call}","call_id":"call_${call}","trace_id":"${rollout}"`
  return `{"type":"function_call",${ids},"name":"${name}","arguments":${JSON.stringify(args)},"item":${item}}`
}

/** The body of a rollout's grading. */
export function gradingBody(rollout: string, item: string): string {
  return `{"sample":{"choices":[],"output_text":"94"},"trace_id":"${rollout}","item":${item}}`
}

/** A rollout's id as trainers make them: random, not ordered by time. */
export function newRolloutId(): string {
  return `trace_${randomBytes(16).toString('hex')}`
}

/** The id of the n-th rollout that was recorded in advance, as random to an index as any other. */
export function seededId(seed: string, n: number): string {
  return `trace_${createHash('md5').update(`${seed}:${n}`).digest('hex')}`
}

/**
 * The dataset row of the n-th rollout, as JSON: a small dataset, so that rollouts come in groups. With `bytes`, about as many:
 * half of them the text of a document, and half a table of numbers.
 */
export function itemOf(n: number, bytes = 0): string {
  const at = n % itemsOfDataset
  const question = 'what is the net change in net revenue during 2015 for the corporation?'
  const messages = [{ role: 'user', content: `${at}: ${question}` }]
  const item = JSON.stringify({ messages, reference_answer: '94.0' })
  const more = bytes - item.length
  if (more <= 0) return item
  const sentence = `in ${2000 + at} the corporation reported net revenue of $ ${at + 1}.${at} million, "as adjusted".`
  const row = ['net revenue', { year: 2015, amount: 5829.5, change: -1.25, note: null }]
  const text = Array.from({ length: more / 2 / (sentence.length + 5) }, () => sentence)
  const table = Array.from({ length: more / 2 / (JSON.stringify(row).length + 1) }, () => row)
  return JSON.stringify({
    messages: [{ role: 'system', content: text.join('\n') }, ...messages],
    table,
    reference_answer: '94.0',
  })
}
