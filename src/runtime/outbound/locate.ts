import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import { ALLOWED_ADDRESSES, type AllowedAddress, isAllowed } from './allowed-addresses.ts'
import { OutboundError } from './outbound-error.ts'
import { isLoopback, isPublic } from './public-network.ts'
import { readAddress } from './read-address.ts'

/** Finds the IP addresses of a host's name. */
export type Resolve = (hostname: string) => Promise<readonly string[]>

/** Asks the system, as every program here does: hosts file, then DNS. */
export const systemResolve: Resolve = async (hostname) =>
  (await lookup(hostname, { all: true })).map(({ address }) => address)

/**
 * Reads an address and finds it in the list.
 *
 * Throws an {@link OutboundError} `refused` that says what is wrong with it, or which setting to extend.
 */
export function allowedUrl(text: string, allowed: readonly AllowedAddress[]): URL {
  const read = readAddress(text)
  if (!read.ok) throw new OutboundError('refused', `the address ${read.problem}`)
  if (isAllowed(allowed, read.url)) return read.url
  const sameOrigin = allowed.some(({ origin }) => origin === read.url.origin)
  const what = sameOrigin ? `this path of ${read.url.origin}` : read.url.origin
  throw new OutboundError('refused', `${what} is not in ${ALLOWED_ADDRESSES}; add it there if it is to be asked`)
}

/**
 * The IP addresses that an allowed address may be connected to: those that its name has right now, if all of them are of
 * the public internet. An address that is written as an IP address is taken as meant, and so is `localhost`.
 *
 * Throws an {@link OutboundError}: `refused` for a name that leads into a private network, `unreachable` for one that is
 * not known.
 */
export async function addressesOf(url: URL, resolve: Resolve): Promise<readonly string[]> {
  const host = url.hostname.replace(/^\[|\]$/gu, '')
  if (isIP(host) !== 0) return [host]
  const addresses = await resolve(host).catch((): string[] => [])
  if (addresses.length === 0) throw new OutboundError('unreachable', `the host of ${url.origin} is not known`)
  if (addresses.every(host === 'localhost' ? isLoopback : isPublic)) return addresses
  const why = 'a name in the list may lead to the public internet only'
  const instead = `list the IP address itself in ${ALLOWED_ADDRESSES}, and ask it, if it is meant`
  throw new OutboundError('refused', `${url.origin} leads into a private network: ${why}; ${instead}`)
}
