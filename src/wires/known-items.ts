import { isUtf8 } from 'node:buffer'
import { randomUUID } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import { deepFreeze } from '../base/freeze.ts'
import { mayBeWide, parseJson } from '../base/json.ts'
import { createByteTree } from './byte-tree.ts'
import { type Chunks, partsFrom } from './chunks.ts'

/** An item that arrived before. */
export interface KnownItem {
  /** The item as it was parsed, frozen. */
  readonly item: unknown
  /** Its {@link contentHash}. */
  readonly hash: string
}

/** Where in a body a known item is. */
export interface Found extends KnownItem {
  readonly start: number
  readonly end: number
}

/**
 * The items that arrived recently, recognized by their bytes: an item arrives with every call of its rollouts, and is parsed
 * and hashed once.
 */
export interface KnownItems {
  /** Finds a known item behind a key `"item"` in the first chunk of a body, at whatever depth. */
  find(body: Chunks): Found | undefined
  /**
   * Parses a body in which an item was found as {@link parseJson} would parse all of it. Undefined if the whole body must be
   * parsed: the item is not the value of the body's own last key `"item"`, or the body is invalid.
   */
  parse(body: Chunks, found: Found): unknown
  /** Freezes the item of a body that was parsed as a whole, and remembers it unless it is unusual. */
  keep(body: Buffer, known: KnownItem): void
}

const key = Buffer.from('"item"')
const [quote, backslash, colon, opening, closing] = Buffer.from('"\\:{}')

/** How many keys `"item"` of one body are looked at. */
const mostKeys = 4

/** What the tree and the cache take for an item, in bytes, roughly. */
const overhead = 1_024

/**
 * Remembers the items that were used recently: in `maxBytes` of memory, roughly, for their bytes and for what was parsed.
 *
 * In the body, a known item is replaced by a string that no sender can know, and the rest is parsed. If that string is then
 * the value of the key, a parser of the whole body would have been at the beginning of this value there. And since the item's
 * bytes are one complete object, it would have read exactly them, and would then have gone on as the parser of the rest did.
 */
export function createKnownItems(maxBytes = 67_108_864): KnownItems {
  const placeholder = randomUUID()
  const placed = Buffer.from(JSON.stringify(placeholder))
  const tree = createByteTree<KnownItem>()
  const cache = new LRUCache<KnownItem, Buffer>({
    maxSize: maxBytes,
    maxEntrySize: Math.ceil(maxBytes / 16),
    dispose: (bytes) => tree.remove(bytes),
  })

  /** The body with the placeholder in place of the item, parsed, if its item is the placeholder then. */
  const rest = (body: Chunks, start: number, end: number): { item: unknown } | undefined => {
    const bytes = Buffer.concat([
      ...body.slice(0, 1).map((first) => first.subarray(0, start)),
      placed,
      ...partsFrom(body, end),
    ])
    if (!isUtf8(bytes)) return undefined
    const text = bytes.toString()
    try {
      const value = parseJson(text.startsWith('\ufeff') ? text.slice(1) : text)
      return isBody(value) && value.item === placeholder ? value : undefined
    } catch {
      return undefined
    }
  }

  return {
    find(body) {
      const [first] = body
      if (first === undefined) return undefined
      for (const start of objectsOf(first)) {
        const known = tree.find(body, start)
        const bytes = known && cache.get(known)
        if (known !== undefined && bytes !== undefined) {
          return { item: known.item, hash: known.hash, start, end: start + bytes.length }
        }
      }
      return undefined
    },
    parse(body, { item, start, end }) {
      const value = rest(body, start, end)
      if (value !== undefined) value.item = item
      return value
    },
    keep(body, { item, hash }) {
      const parsedBytes = deepFreeze(item) ?? 0
      for (const start of objectsOf(body)) {
        const end = endOfObject(body, start)
        if (rest([body], start, end) === undefined) continue
        // A copy: a part of the body would keep all of it in memory.
        const bytes = Buffer.from(body.subarray(start, end))
        // How many such numbers a body may hold is counted over all of it.
        if (mayBeWide.test(bytes.toString('latin1')) || tree.find([bytes], 0) !== undefined) return
        const known = { item, hash }
        cache.set(known, bytes, { size: bytes.length + parsedBytes + overhead })
        if (cache.has(known)) tree.add(bytes, known)
        return
      }
    },
  }
}

function isBody(value: unknown): value is { item: unknown } {
  return typeof value === 'object' && value !== null && 'item' in value
}

/** Where, behind the first keys `"item"`, the values that are objects begin. What looks like a key may be part of a string. */
function* objectsOf(body: Buffer): Generator<number, void> {
  let at = body.indexOf(key)
  for (let keys = 0; at !== -1 && keys < mostKeys; keys += 1) {
    const afterKey = skipSpace(body, at + key.length)
    if (body[afterKey] === colon) {
      const start = skipSpace(body, afterKey + 1)
      if (body[start] === opening) yield start
    }
    at = body.indexOf(key, at + key.length)
  }
}

function skipSpace(body: Buffer, from: number): number {
  let at = from
  while (body[at] === 0x20 || body[at] === 0x0a || body[at] === 0x0d || body[at] === 0x09) at += 1
  return at
}

/** Where the object that begins at `start` ends: one behind its closing brace. */
function endOfObject(body: Buffer, start: number): number {
  let depth = 0
  let isInString = false
  for (let at = start; at < body.length; at += 1) {
    const byte = body[at]
    if (isInString) {
      if (byte === backslash) at += 1
      else if (byte === quote) isInString = false
    } else if (byte === quote) isInString = true
    else if (byte === opening) depth += 1
    else if (byte === closing) {
      depth -= 1
      if (depth === 0) return at + 1
    }
  }
  return body.length
}
