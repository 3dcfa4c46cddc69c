import { isIP } from 'node:net'

const longestAddress = 8_192

/** An address that can be understood in one way only, or what is wrong with it: a phrase that repeats nothing of it. */
export type ReadAddress = { readonly ok: true; readonly url: URL } | { readonly ok: false; readonly problem: string }

/**
 * Reads an http or https address, and refuses what two readers might understand differently: an allow-list is worth
 * nothing where the list's reader and the server's disagree about host or path.
 *
 * Refused are white space, control characters, backslashes and anything beyond ASCII, a user or password, a host in other
 * than its usual spelling (`0x7f.1`, `2130706433`, a dot at its end, percent-encoding), `.` and `..` in the path, percent-encoded
 * dots, slashes, backslashes, percent signs and control characters there, and a fragment.
 *
 * @example readAddress('https://graders.example.com/v1/../admin') // { ok: false, problem: 'has "." or ".." in its path' }
 */
export function readAddress(text: string): ReadAddress {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const problem = url === undefined ? problemOfText(text) : (problemOfText(text) ?? problemOfHost(text, url))
  if (problem !== undefined) return { ok: false, problem }
  return url === undefined ? { ok: false, problem: 'is no address' } : { ok: true, url }
}

function problemOfText(text: string): string | undefined {
  if (text.length > longestAddress) return `is longer than ${longestAddress} characters`
  if (!/^[\x21-\x7e]*$/u.test(text)) return 'has white space, or a character that is not ASCII, in it'
  if (text.includes('\\')) return 'has a backslash in it'
  if (!/^https?:\/\/[^/?#]/iu.test(text)) return 'does not begin with http:// or https:// and a host'
  if (authorityOf(text).includes('@')) return 'has a user or password in it'
  if (text.includes('#')) return 'has a fragment ("#") in it'
  return problemOfPath(text)
}

function problemOfPath(text: string): string | undefined {
  const path = /^https?:\/\/[^/?#]*([^?#]*)/iu.exec(text)?.[1] ?? ''
  if (/%(?![0-9a-f]{2})/iu.test(path)) return 'has a "%" in its path that encodes nothing'
  if (/%(?:2e|2f|5c|25|[01][0-9a-f]|7f)/iu.test(path)) {
    return 'has a percent-encoded dot, slash, backslash, percent sign or control character in its path'
  }
  // Some servers take "/..;x/" for "/../".
  const segments = path.split('/').map((segment) => segment.split(';')[0])
  return segments.includes('.') || segments.includes('..') ? 'has "." or ".." in its path' : undefined
}

function problemOfHost(text: string, url: URL): string | undefined {
  const written = authorityOf(text).replace(/:\d*$/u, '').toLowerCase()
  if (url.hostname.endsWith('.')) return 'has a dot at the end of its host'
  const same = written === url.hostname || (written.startsWith('[') && isIP(written.slice(1, -1)) === 6)
  return same ? undefined : 'has a host in an unusual spelling'
}

const authorityOf = (text: string) => /^https?:\/\/([^/?#]*)/iu.exec(text)?.[1] ?? ''

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

/** Below this address stand this server's own where it has been told no public one; nobody else can have it (RFC 2606). */
export const unnamedServer = 'http://scorekeeper.invalid'

/**
 * The path of an address on this server, undefined for an address elsewhere. `bases` are the addresses at which the server
 * is reached; http and https are one, because a proxy in front may end TLS.
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
