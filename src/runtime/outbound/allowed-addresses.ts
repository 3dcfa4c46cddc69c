import { readAddress } from './read-address.ts'

/** An entry of the list of addresses that may be asked. */
export interface AllowedAddress {
  /** Scheme, host and port, as `URL.origin` has them. */
  readonly origin: string
  /** `/` for the whole origin; else this path, and what is below it. */
  readonly path: string
}

/** The setting that the list is read from. */
export const ALLOWED_ADDRESSES = 'ALLOWED_ADDRESSES'

/**
 * Reads the list of addresses that may be asked: origins, each with a path or without one, separated by commas.
 *
 * Throws an Error with one line for each entry that is wrong. It names entries by their place: one may hold a password.
 *
 * @example readAllowedAddresses('https://graders.example.com/v1/, http://localhost:9000')
 */
export function readAllowedAddresses(text: string): AllowedAddress[] {
  const problems: string[] = []
  const allowed: AllowedAddress[] = []
  const entries = text.split(',').map((entry) => entry.trim())
  for (const [index, entry] of entries.entries()) {
    if (entry === '') continue
    const read = readAddress(entry)
    const problem = read.ok ? problemOfEntry(read.url) : read.problem
    if (read.ok && problem === undefined) allowed.push({ origin: read.url.origin, path: read.url.pathname })
    else problems.push(`entry ${index + 1} of ${ALLOWED_ADDRESSES} ${problem}; it ${mustBe}`)
  }
  if (problems.length > 0) throw new Error(problems.join('\n'))
  return allowed
}

const mustBe = 'must be an address such as https://graders.example.com or https://graders.example.com/v1/'

function problemOfEntry(url: URL): string | undefined {
  if (url.href.includes('?')) return 'has a query string'
  return url.hostname.includes('*') ? 'has a wildcard, where each host is to be listed' : undefined
}

/**
 * Whether an address that `readAddress` has read is one of the list or below one: the same scheme, host and port, and a path
 * that begins with the entry's, whole segments of it. An entry that ends with `/` allows what is below it alone.
 */
export function isAllowed(allowed: readonly AllowedAddress[], url: URL): boolean {
  return allowed.some(({ origin, path }) => {
    if (origin !== url.origin) return false
    return url.pathname === path || url.pathname.startsWith(path.endsWith('/') ? path : `${path}/`)
  })
}
