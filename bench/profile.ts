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

/** What V8's profiler writes. */
export type CpuProfile = z.infer<typeof cpuProfile>

/** A part of the server's time: who spent it, by the address of the code, the first that fits. */
const parts: readonly (readonly [part: string, code: RegExp])[] = [
  ['authentication', /\/src\/auth\//],
  ['canonical JSON and hashes', /\/src\/json\./],
  ['reading the body: JSON, zod', /\/src\/protocols\/|node_modules\/zod/],
  ['the driver: postgres.js', /node_modules\/postgres\/|src\/driver/],
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
 * Says which part of the code spent which share (0 to 1) of the time in which the process was busy, the largest first.
 * Time inside of Node and V8 is of whoever called them; only what nobody of the server called is the network's.
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
  // The answer's way out is the network's, whoever begins it; a query's is the driver's.
  return url.startsWith('node:_http') || url.startsWith('node:net')
    ? above === 'the driver: postgres.js'
      ? above
      : network
    : above
}
