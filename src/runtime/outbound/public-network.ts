import { BlockList, isIPv4, isIPv6 } from 'node:net'

/** What is not on the public internet, or is a cloud's own there: IANA's special-purpose registries, multicast, Azure's host. */
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
 * Whether an IP address is one of the public internet: not this machine's, a private network's, a cloud's metadata
 * service, or reserved. An IPv6 address that stands for an IPv4 one (mapped, or by the prefix of NAT64) is judged as that one;
 * of the others only 2000::/3 is public, without what tunnels and examples have of it. False for what is no IP address.
 *
 * @see https://www.iana.org/assignments/iana-ipv4-special-registry
 * @see https://www.iana.org/assignments/iana-ipv6-special-registry
 * @example isPublic('169.254.169.254') // false
 */
export function isPublic(address: string): boolean {
  if (isIPv4(address)) return !blocked.check(address)
  // An address of a zone (fe80::1%eth0) is never public, and isIPv6 takes it.
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

/** Whether an IP address is this machine's own. */
export function isLoopback(address: string): boolean {
  return isIPv4(address)
    ? address.startsWith('127.')
    : isIPv6(address) && groupsOf(address).join() === '0,0,0,0,0,0,0,1'
}

/** The eight numbers of an IPv6 address; URL writes them all in one way, the last 32 bits not as IPv4. */
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
