import { lookup } from 'node:dns/promises'
import { BlockList, isIP, isIPv4, isIPv6 } from 'node:net'
import { type AllowedAddress, allowedAddressesVariable, isAllowed, readAddress } from './addresses.ts'
import { OutboundError } from './outbound-error.ts'

/** Networks that are not on the public internet: IANA's special-purpose registries, multicast, and Azure's host address. */
const notPublic: readonly (readonly [string, number])[] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['168.63.129.16', 32],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
]

const blocked = new BlockList()
for (const [network, bits] of notPublic) blocked.addSubnet(network, bits)

/**
 * Whether an IP address belongs to the public internet: it is not this machine's, a private network's, a cloud's metadata
 * service or reserved. An IPv6 address that contains an IPv4 one (mapped, or with the NAT64 prefix) counts as that one. Of
 * the other IPv6 addresses only 2000::/3 is public, except tunnels and documentation. False for invalid addresses.
 *
 * @see https://www.iana.org/assignments/iana-ipv4-special-registry
 * @see https://www.iana.org/assignments/iana-ipv6-special-registry
 * @example isPublic('169.254.169.254') // false
 */
export function isPublic(address: string): boolean {
  if (isIPv4(address)) return !blocked.check(address)
  // An address with a zone (fe80::1%eth0) is never public, and isIPv6 accepts it.
  if (!isIPv6(address) || address.includes('%')) return false
  const groups = groupsOf(address)
  const [first = 0, second = 0] = groups
  const beginsWith = (...start: readonly number[]) => start.every((group, index) => groups[index] === group)
  if (beginsWith(0, 0, 0, 0, 0, 0xffff) || beginsWith(0x64, 0xff9b, 0, 0, 0, 0)) return isPublic(embedded(groups))
  if (first < 0x2000 || first > 0x3fff) return false
  const isSpecial = first === 0x2001 && (second < 0x200 || second === 0xdb8)
  const isDocumentation = first === 0x3fff && second < 0x1000
  return !isSpecial && !isDocumentation && first !== 0x2002
}

/** Whether an IP address is a loopback address. */
export function isLoopback(address: string): boolean {
  return isIPv4(address)
    ? address.startsWith('127.')
    : isIPv6(address) && groupsOf(address).join() === '0,0,0,0,0,0,0,1'
}

/** The eight numbers of an IPv6 address. URL normalises the spelling, and writes the last 32 bits not as IPv4. */
function groupsOf(address: string): number[] {
  const written = new URL(`http://[${address.split('%')[0]}]/`).hostname.slice(1, -1)
  const [before = '', after] = written.split('::')
  const read = (part: string) => (part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16)))
  if (after === undefined) return read(before)
  const [start, end] = [read(before), read(after)]
  return [...start, ...Array.from({ length: 8 - start.length - end.length }, () => 0), ...end]
}

function embedded(groups: readonly number[]): string {
  const bytes = groups.slice(6).flatMap((group) => [group >> 8, group & 0xff])
  return bytes.join('.')
}

/** Resolves a host name to IP addresses. */
export type Resolve = (hostname: string) => Promise<readonly string[]>

/** Resolves with the operating system: the hosts file, then DNS. */
export async function systemResolve(hostname: string): Promise<readonly string[]> {
  return (await lookup(hostname, { all: true })).map(({ address }) => address)
}

/**
 * Reads an address that must be in the list.
 *
 * Throws an {@link OutboundError} `refused` that says what is wrong with it, or which setting to extend.
 */
export function allowedUrl(text: string, allowed: readonly AllowedAddress[]): URL {
  const read = readAddress(text)
  if (!read.ok) throw new OutboundError('refused', `the address ${read.problem}`)
  if (isAllowed(allowed, read.url)) return read.url
  const sameOrigin = allowed.some(({ origin }) => origin === read.url.origin)
  const what = sameOrigin ? `this path of ${read.url.origin}` : read.url.origin
  throw new OutboundError('refused', `${what} is not in ${allowedAddressesVariable}; add it there to allow it`)
}

/**
 * The IP addresses to connect to for an allowed address: those that its name resolves to now, if all of them belong to the
 * public internet. IP addresses in the list are used as they are, and so is `localhost`.
 *
 * Throws an {@link OutboundError}: `refused` for a name that resolves into a private network, `unreachable` for a name that
 * does not resolve.
 */
export async function addressesOf(url: URL, resolve: Resolve): Promise<readonly string[]> {
  const host = url.hostname.replace(/^\[|\]$/gu, '')
  if (isIP(host) !== 0) return [host]
  const addresses = await resolve(host).catch((): string[] => [])
  if (addresses.length === 0) throw new OutboundError('unreachable', `the host of ${url.origin} does not resolve`)
  if (addresses.every(host === 'localhost' ? isLoopback : isPublic)) return addresses
  const why = 'a name in the list may resolve only to the public internet'
  const instead = `to allow it, list the IP address in ${allowedAddressesVariable} and use that`
  throw new OutboundError('refused', `${url.origin} resolves into a private network: ${why}; ${instead}`)
}
