import { z } from 'zod'
import { toolDefinition } from './agent.ts'
import type { RolloutSettings } from './play-rollout.ts'

/** A server to call as a trainer does. */
export interface TargetOptions {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  /** The path of tools, `{name}` for the name. */
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

/** The body of the answer to a request for a run that the key may not use. */
export const refusedRun = z.object({ error: z.object({ code: z.literal('run_forbidden'), message: z.string() }) })

/**
 * The addresses of a server and the tools that it lists; none where it lists none.
 *
 * @throws Error with the server's message if the key may not use the run.
 */
export async function targetOf(
  options: TargetOptions,
): Promise<Pick<RolloutSettings, 'headers' | 'toolUrl' | 'graderUrl' | 'tools'>> {
  const url = options.url.replace(/\/+$/, '')
  const { headers } = options
  // Headers hold a key, which a redirect must not get.
  const asking = { headers, redirect: 'manual', signal: AbortSignal.timeout(10_000) } as const
  const response = await fetch(`${url}/tools`, asking).catch(() => undefined)
  const answer: unknown = await response?.json().catch(() => undefined)
  const refused = refusedRun.safeParse(answer).data
  if (refused !== undefined) throw new Error(refused.error.message)
  const read = z.array(toolDefinition).safeParse(answer)
  return {
    headers,
    ...addressesOf(options),
    tools: read.data ?? [],
  }
}
