import type { FetchImplementation } from 'jose'

/** The most bytes that an issuer's keys may have: a hundred RSA keys with their certificates stay below. */
export const LARGEST_KEYS_BYTES = 1024 * 1024

/**
 * Makes a fetch that reads a whole answer of at most `most` bytes, and none that is no 200, so that whoever answers cannot fill the memory.
 *
 * The function throws an Error that names the limit when the answer is larger; the rest of it is left unread.
 */
export function boundedFetch(fetch: FetchImplementation = globalThis.fetch, most = LARGEST_KEYS_BYTES) {
  return async (...request: Parameters<FetchImplementation>): Promise<Response> => {
    const response = await fetch(...request)
    if (response.status !== 200) {
      await response.body?.cancel()
      return response
    }
    const chunks: Uint8Array[] = []
    let bytes = 0
    // Leaving the loop early cancels the body.
    for await (const chunk of response.body ?? []) {
      bytes += chunk.byteLength
      if (bytes > most) throw new Error(`the answer is larger than ${most} bytes`)
      chunks.push(chunk)
    }
    return new Response(Buffer.concat(chunks))
  }
}
