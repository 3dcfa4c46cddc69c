import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'

const cpuProfile = z.object({
  nodes: z.array(
    z.object({
      id: z.number(),
      callFrame: z.object({ functionName: z.string(), url: z.string() }),
      children: z.array(z.number()).optional(),
    }),
  ),
  samples: z.array(z.number()),
  timeDeltas: z.array(z.number()),
})

/** A profile as V8's profiler writes it. */
export type CpuProfile = z.infer<typeof cpuProfile>

/** Parts of the server's time, by the path of the code; the first that matches counts. */
const parts: readonly (readonly [part: string, code: RegExp])[] = [
  ['authentication', /\/src\/server\/auth\//],
  ['canonical JSON and hashes', /\/src\/base\/(?:exact-)?json\./],
  ['reading the body: JSON, zod', /\/src\/wires\/|node_modules\/zod/],
  ['the driver: postgres.js', /node_modules\/postgres\/|\/src\/postgres\//],
  ['the ledger', /\/src\/ledger\/|node_modules\/drizzle-orm/],
  ['the verb and the tool', /\/src\/|\/bench\//],
  ['routing: Hono and its server', /node_modules\/(?:hono|@hono)/],
]
const network = "Node's HTTP and sockets"

/** Reads the newest profile of a folder that `node --cpu-prof` wrote. */
export function readProfile(folder: string): CpuProfile {
  const file = readdirSync(folder)
    .filter((name) => name.endsWith('.cpuprofile'))
    .sort()
    .at(-1)
  if (file === undefined) throw new Error(`no profile was written to ${folder}`)
  return cpuProfile.parse(JSON.parse(readFileSync(join(folder, file), 'utf8')))
}

/**
 * Gives the share (0 to 1) of the busy time that each part of the code spent, the largest first.
 * Time inside Node and V8 counts for their caller; what has no caller in the server counts for the network.
 */
export function shareOfParts(profile: CpuProfile): [part: string, share: number][] {
  const byId = new Map(profile.nodes.map((node) => [node.id, node]))
  const partOf = new Map<number, string>()
  const visit = (id: number, above: string) => {
    const node = byId.get(id)
    if (node === undefined) return
    const { functionName, url } = node.callFrame
    const part = partNamed(functionName, url, above)
    partOf.set(id, part)
    for (const child of node.children ?? []) visit(child, part)
  }
  const [root] = profile.nodes
  if (root !== undefined) visit(root.id, network)
  const spent = new Map<string, number>()
  profile.samples.forEach((id, at) => {
    const part = partOf.get(id)
    if (part === undefined || part === 'idle') return
    spent.set(part, (spent.get(part) ?? 0) + (profile.timeDeltas[at] ?? 0))
  })
  const total = [...spent.values()].reduce((sum, time) => sum + time, 0)
  return [...spent].map(([part, time]): [string, number] => [part, time / total]).sort(([, a], [, b]) => b - a)
}

function partNamed(functionName: string, url: string, above: string): string {
  if (functionName === '(idle)') return 'idle'
  if (functionName === '(garbage collector)') return 'garbage collection'
  if (functionName === '(program)') return 'V8 and the system'
  const part = parts.find(([, code]) => code.test(url))?.[0]
  if (part !== undefined) return part
  // Sending a response counts for the network, whatever starts it; sending a query counts for the driver.
  return url.startsWith('node:_http') || url.startsWith('node:net')
    ? above === 'the driver: postgres.js'
      ? above
      : network
    : above
}
