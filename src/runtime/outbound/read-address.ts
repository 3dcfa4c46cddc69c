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
