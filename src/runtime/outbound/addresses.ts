import { isIP } from 'node:net'

const maxAddressLength = 8_192

/** An unambiguous address, or what is wrong with it, in a phrase that repeats no part of it. */
export type ReadAddress = { readonly ok: true; readonly url: URL } | { readonly ok: false; readonly problem: string }

/**
 * Reads an http or https address, and rejects what two parsers might read differently: an allow-list protects nothing if
 * its parser and the server's disagree about the host or the path.
 *
 * Rejected are white space, control characters, backslashes and characters beyond ASCII, a user or password, a host in an
 * unusual spelling (`0x7f.1`, `2130706433`, a trailing dot, percent-encoding), `.` and `..` in the path, percent-encoded
 * dots, slashes, backslashes, percent signs and control characters in it, and a fragment.
 *
 * @example readAddress('https://graders.example.com/v1/../admin') // { ok: false, problem: 'has "." or ".." in its path' }
 */
export function readAddress(text: string): ReadAddress {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const problem = url === undefined ? problemOfText(text) : (problemOfText(text) ?? problemOfHost(text, url))
  if (problem !== undefined) return { ok: false, problem }
  return url === undefined ? { ok: false, problem: 'is not a valid address' } : { ok: true, url }
}

function problemOfText(text: string): string | undefined {
  if (text.length > maxAddressLength) return `is longer than ${maxAddressLength} characters`
  if (!/^[\x21-\x7e]*$/u.test(text)) return 'contains white space or a character that is not ASCII'
  if (text.includes('\\')) return 'contains a backslash'
  if (!/^https?:\/\/[^/?#]/iu.test(text)) return 'does not begin with http:// or https:// and a host'
  if (authorityOf(text).includes('@')) return 'contains a user or password'
  if (text.includes('#')) return 'contains a fragment ("#")'
  return problemOfPath(text)
}

function problemOfPath(text: string): string | undefined {
  const path = /^https?:\/\/[^/?#]*([^?#]*)/iu.exec(text)?.[1] ?? ''
  if (/%(?![0-9a-f]{2})/iu.test(path)) return 'has a "%" in its path that is not an encoding'
  if (/%(?:2e|2f|5c|25|[01][0-9a-f]|7f)/iu.test(path)) {
    return 'has a percent-encoded dot, slash, backslash, percent sign or control character in its path'
  }
  // Some servers read "/..;x/" as "/../".
  const segments = path.split('/').map((segment) => segment.split(';')[0])
  return segments.includes('.') || segments.includes('..') ? 'has "." or ".." in its path' : undefined
}

function problemOfHost(text: string, url: URL): string | undefined {
  const written = authorityOf(text).replace(/:\d*$/u, '').toLowerCase()
  if (url.hostname.endsWith('.')) return 'has a dot at the end of its host'
  const same = written === url.hostname || (written.startsWith('[') && isIP(written.slice(1, -1)) === 6)
  return same ? undefined : 'has a host in an unusual spelling'
}

function authorityOf(text: string): string {
  return /^https?:\/\/([^/?#]*)/iu.exec(text)?.[1] ?? ''
}

/** An entry of the list of allowed addresses. */
export interface AllowedAddress {
  /** Scheme, host and port, as in `URL.origin`. */
  readonly origin: string
  /** `/` for the whole origin, or a path, which includes what is below it. */
  readonly path: string
}

/** The name of the setting with the list. */
export const allowedAddressesVariable = 'ALLOWED_ADDRESSES'

/**
 * Reads the list of allowed addresses: origins, each with or without a path, separated by commas.
 *
 * Throws an Error with one line for each invalid entry. It names entries by position, because one may contain a password.
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
    else problems.push(`entry ${index + 1} of ${allowedAddressesVariable} ${problem}; it ${mustBe}`)
  }
  if (problems.length > 0) throw new Error(problems.join('\n'))
  return allowed
}

const mustBe = 'must be an address such as https://graders.example.com or https://graders.example.com/v1/'

function problemOfEntry(url: URL): string | undefined {
  if (url.href.includes('?')) return 'has a query string'
  return url.hostname.includes('*') ? 'has a wildcard; list each host' : undefined
}

/**
 * Whether an address that `readAddress` accepted is in the list or below an entry: the same scheme, host and port, and a path
 * that begins with all segments of the entry's. An entry that ends with `/` allows only what is below it.
 */
export function isAllowed(allowed: readonly AllowedAddress[], url: URL): boolean {
  return allowed.some(({ origin, path }) => {
    if (origin !== url.origin) return false
    return url.pathname === path || url.pathname.startsWith(path.endsWith('/') ? path : `${path}/`)
  })
}

/** The base of this server's own addresses if it has no public one; the name is reserved (RFC 2606). */
export const unnamedServer = 'http://scorekeeper.invalid'

/**
 * The path of an address on this server, undefined for an address elsewhere. `bases` are the addresses at which the server
 * is reached. http and https count as equal, because a proxy may terminate TLS.
 *
 * @example pathHere('https://tools.example.com/rft/tools/cat', ['http://tools.example.com/rft']) // '/tools/cat'
 */
export function pathHere(address: string, bases: readonly string[]): string | undefined {
  if (!URL.canParse(address)) return undefined
  const url = new URL(address)
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return undefined
  for (const base of bases) {
    const { host, pathname } = new URL(base)
    const below = pathname.replace(/\/+$/, '')
    if (host === url.host && `${url.pathname}/`.startsWith(`${below}/`)) return url.pathname.slice(below.length) || '/'
  }
  return undefined
}
