import { z } from 'zod'
import { toolDefinition } from './agent.ts'
import type { RolloutSettings } from './play-rollout.ts'

/** A server to be called as a trainer calls it. */
export interface TargetOptions {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  /** Where tools are below the address, `{name}` for the name. */
  readonly tools: string
  /** The grader's name; empty for the default one. */
  readonly grader: string
}

/** The addresses of a server's tools and of its grader. */
export function addressesOf({
  url,
  tools,
  grader,
}: Omit<TargetOptions, 'headers'>): Pick<RolloutSettings, 'toolUrl' | 'graderUrl'> {
  const base = url.replace(/\/+$/, '')
  return {
    toolUrl: (tool) => base + tools.replace('{name}', encodeURIComponent(tool)),
    graderUrl: base + (grader === '' ? '/grade' : `/graders/${encodeURIComponent(grader)}`),
  }
}

/** The addresses of a server, and the tools that it says it has: none where it does not say. */
export async function targetOf(
  options: TargetOptions,
): Promise<Pick<RolloutSettings, 'headers' | 'toolUrl' | 'graderUrl' | 'tools'>> {
  const url = options.url.replace(/\/+$/, '')
  const { headers } = options
  // Headers hold a key, and are for nobody that this address leads to.
  const asking = { headers, redirect: 'manual', signal: AbortSignal.timeout(10_000) } as const
  const response = await fetch(`${url}/tools`, asking).catch(() => undefined)
  const read = z.array(toolDefinition).safeParse(await response?.json().catch(() => undefined))
  return {
    headers,
    ...addressesOf(options),
    tools: read.data ?? [],
  }
}
