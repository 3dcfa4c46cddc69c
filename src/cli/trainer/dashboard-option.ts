import { InvalidArgumentError } from '@commander-js/extra-typings'
import type { Config } from '../../server/config/config.ts'
import { urlOf } from '../../server/start-notices.ts'

/** The text of the option that names the server to which a page links. */
export const dashboardOption = [
  '--dashboard <url>',
  'the server whose dashboard the page links to (default: PUBLIC_URL, or HOST and PORT)',
] as const

/** Reads the address of a server. */
export function serverAddress(text: string): string {
  if (URL.canParse(text) && /^https?:/.test(text)) return text
  throw new InvalidArgumentError('It must begin with http:// or https://.')
}

/** The server to which pages link, by the settings of this folder; undefined if its address is not known, or it has no pages. */
export function dashboardOf({ publicUrl, host, port, dashboard }: Config): string | undefined {
  if (!dashboard) return undefined
  if (publicUrl !== undefined) return publicUrl
  const everywhere = host === '0.0.0.0' || host === '::'
  return port === 0 ? undefined : urlOf({ host: everywhere ? 'localhost' : host, port })
}
