import { lookup } from 'node:dns/promises'
import { isPublic } from '../../runtime/outbound/public-network.ts'

/** Whether a host is on the public internet, by any of its addresses; so is one whose addresses are not known. */
export async function isPublicHost(hostname: string): Promise<boolean> {
  const host = hostname.replace(/^\[|\]$/g, '')
  const found = await lookup(host, { all: true }).catch(() => undefined)
  return found === undefined || found.some(({ address }) => isPublic(address))
}
