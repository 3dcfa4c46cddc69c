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
