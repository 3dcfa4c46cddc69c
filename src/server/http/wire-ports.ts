import { isIP, isIPv6 } from 'node:net'
import { z } from 'zod'
import { isRunName, runNameRule } from '../../base/run-name.ts'
import { isLoopback, isPublic } from '../../runtime/outbound/public-network.ts'
import type { Wire } from '../../wires/wire.ts'
import { type AuthSettings, isOpen } from '../auth/authenticate.ts'

/** An entry of `WIRE_PORTS`. */
export interface GivenWirePort {
  /** The name of the wire. */
  readonly wire: string
  /** The address to listen on; undefined for the default. */
  readonly host: string | undefined
  /** 0 for any free port. */
  readonly port: number
  /** The run of all its requests; undefined if each names its own. */
  readonly run: string | undefined
}

/** A port on which a wire is served without a prefix. */
export interface WirePort extends Omit<GivenWirePort, 'wire' | 'host'> {
  readonly wire: Wire
  readonly host: string
}

/** The wires of a server. */
export interface ChosenWires {
  /** Those under their prefixes, beside Agent RFT, which is always on. */
  readonly wires: readonly Wire[]
  readonly ports: readonly WirePort[]
}

/** The name of a wire that is always on, which a list of wires may contain. */
const alwaysOn = 'agent-rft'

/** The variable `WIRES`: names with commas between them. */
export const wireNames = z.string().transform((text) => words(text))

const entry = /^(?<wire>[a-z][a-z0-9-]*):(?:(?<host>[\w.-]+|\[[0-9a-fA-F:.]+\]):)?(?<port>\d{1,5})(?:\/(?<run>[^/]*))?$/
const form = 'must be WIRE:PORT, WIRE:ADDRESS:PORT or one of these with /RUN at its end, with commas between several'

/** The variable `WIRE_PORTS`, such as `nemo-gym:8001/exp-7,ors:10.0.0.5:8002`. */
export const wirePorts = z.string().transform((text, context): readonly GivenWirePort[] => {
  const refuse = (message: string) => {
    context.addIssue({ code: 'custom', message })
    return z.NEVER
  }
  const ports: GivenWirePort[] = []
  for (const word of words(text)) {
    const { wire, host, port, run } = entry.exec(word)?.groups ?? {}
    if (wire === undefined || Number(port) > 65_535) return refuse(form)
    if (run !== undefined && !isRunName(run)) return refuse(`${form}; a run's name is ${runNameRule}`)
    const address = host?.replace(/^\[|\]$/g, '')
    if (address !== undefined && address !== 'localhost' && isIP(address) === 0) {
      return refuse(`${form}; ADDRESS is an IP address of this machine, or localhost`)
    }
    ports.push({ wire, host: address, port: Number(port), run })
  }
  return ports
})

const words = (text: string) => text.split(/[\s,]+/).filter((word) => word !== '')

/** What {@link chooseWires} needs. */
export interface WireSettings {
  /** Undefined for all. */
  readonly wires: readonly string[] | undefined
  readonly wirePorts: readonly GivenWirePort[]
  /** The address on which the server listens, which is also that of a wire's port whose client sends a key. */
  readonly host: string
  readonly auth: AuthSettings
}

/**
 * Finds the wires that the settings name.
 *
 * @param all every wire but Agent RFT
 * @throws Error for an unknown name, and for a port that others could use without a key: one of a wire whose client can send
 * none must be on this machine or in a private network.
 */
export function chooseWires(all: readonly Wire[], settings: WireSettings): ChosenWires {
  const { wires: names } = settings
  const find = (variable: string, name: string) => {
    const found = all.find((wire) => wire.name === name)
    if (found !== undefined) return found
    const known = all.map((wire) => wire.name).join(', ')
    throw new Error(`${variable} names the wire "${name}", which does not exist; the wires are: ${known}`)
  }
  const others = names?.filter((name) => name !== alwaysOn)
  return {
    wires: others?.map((name) => find('WIRES', name)) ?? all,
    ports: settings.wirePorts.map((given) => {
      const wire = find('WIRE_PORTS', given.wire)
      const host = given.host ?? (wire.sendsKey ? settings.host : '127.0.0.1')
      refuseExposed(wire, host, settings.auth)
      return { wire, host, port: given.port, run: given.run }
    }),
  }
}

function refuseExposed({ name, sendsKey }: Wire, host: string, auth: AuthSettings): void {
  if (host === 'localhost' || isLoopback(host)) return
  const help = 'leave the address out to listen on 127.0.0.1'
  if (sendsKey) {
    if (!isOpen(auth)) return
    const problem = 'which other machines can reach, while no key is configured'
    throw new Error(
      `WIRE_PORTS serves ${name} on ${host}, ${problem}; set API_KEYS, JWT_SECRET or JWT_JWKS_URL, or ${help}`,
    )
  }
  const isAny = isEveryAddress(host)
  if (!isAny && !isPublic(host)) return
  const problem = isAny ? 'which is every address of this machine' : 'which is a public address'
  throw new Error(
    `WIRE_PORTS serves ${name} on ${host}, ${problem}, and its client can send no key, so anyone could use it; ${help}, or name a private address of this machine, such as 10.0.0.5`,
  )
}

/** Whether listening on an IP address means to listen on every address of the machine. */
function isEveryAddress(host: string): boolean {
  const written = isIPv6(host) ? new URL(`http://[${host.split('%')[0]}]/`).hostname : host
  return ['0.0.0.0', '[::]', '[::ffff:0:0]'].includes(written)
}
