/**
 * A body in the pieces in which it arrived, none of them empty. Joining those of a long one copies all of it into new memory,
 * which costs more than comparing it with an item that is known.
 */
export type Chunks = readonly Buffer[]

/** Chunks that their reader removes after it has parsed them, so that the memory is free while the call runs. */
export type TakenChunks = Buffer[]

/** The number of bytes. */
export function lengthOf(chunks: Chunks): number {
  let length = 0
  for (const chunk of chunks) length += chunk.length
  return length
}

/** All bytes as one buffer; it shares the memory of a body that arrived in one piece. */
export function joined(chunks: Chunks): Buffer {
  const [first] = chunks
  return first !== undefined && chunks.length === 1 ? first : Buffer.concat(chunks)
}

/** The byte at a place; undefined behind the end. */
export function byteAt(chunks: Chunks, place: number): number | undefined {
  let at = place
  for (const chunk of chunks) {
    if (at < chunk.length) return chunk[at]
    at -= chunk.length
  }
  return undefined
}

/** Whether the bytes from a place on begin with these. */
export function continuesWith(chunks: Chunks, place: number, bytes: Buffer): boolean {
  let at = place
  let equal = 0
  for (const chunk of chunks) {
    if (at >= chunk.length) {
      at -= chunk.length
      continue
    }
    const end = Math.min(chunk.length, at + bytes.length - equal)
    if (chunk.compare(bytes, equal, equal + end - at, at, end) !== 0) return false
    equal += end - at
    if (equal === bytes.length) return true
    at = 0
  }
  return false
}

/** The bytes from a place on. */
export function partsFrom(chunks: Chunks, place: number): Buffer[] {
  const parts: Buffer[] = []
  let at = place
  for (const chunk of chunks) {
    if (at < chunk.length) parts.push(chunk.subarray(at))
    at = Math.max(0, at - chunk.length)
  }
  return parts
}
