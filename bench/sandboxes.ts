import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { z } from 'zod'
import type { SandboxProvider } from '../src/runtime/sandbox/provider.ts'
import { type Cleanup, makeScratchFolder } from './cleanup.ts'
import { describeMachine } from './machine.ts'

const installation = `bench-${process.pid}`
const files = 2_000
const fileBytes = 10_000

/** Measures a provider of sandboxes: many opened at once, with commands in each, and closed. */
export const sandboxesBench = {
  name: 'sandboxes',
  usage: 'sandboxes [--provider local|container|e2b] [--count N] [--image NAME] [--socket PATH] [--template NAME]',
  about: '500 sandboxes opened at once, each with a first and a second command, and closed again',
  async run(args: readonly string[], env: NodeJS.ProcessEnv, cleanup: Cleanup): Promise<void> {
    const text = { type: 'string' } as const
    const options = {
      provider: { ...text, default: 'local' },
      count: { ...text, default: '500' },
      image: text,
      socket: text,
      template: { ...text, default: 'base' },
    }
    const { values } = parseArgs({ args: [...args], options })
    const count = z.coerce.number().int().min(1).parse(values.count)
    if (values.provider === 'e2b' && env['E2B_API_KEY'] === undefined) {
      write('skipped: sandboxes at E2B need E2B_API_KEY, and cost money\n')
      return
    }
    const folder = makeScratchFolder(cleanup)
    const { provider, template } = await choose(values, env, folder)
    cleanup.add(() => closeAll(provider))
    const problem = await provider.problem()
    if (problem !== undefined) throw new Error(problem)
    write(`${describeMachine()}\n${count} sandboxes of the provider ${provider.name}\n`)

    const spec = { template, network: false, memoryMb: 256, pids: 64, diskMb: 64, ttlSeconds: 900 }
    const lag = watchLag()
    const command = (key: string, script: string) => ({
      key,
      argv: ['sh', '-c', script],
      timeoutSeconds: 120,
      maxOutputBytes: 10_000,
    })
    const open = async (at: number) => {
      const labels = { installation, rollout: String(at), name: 'shell', generation: '1' }
      const { handle } = await provider.create(spec, labels, limit())
      await provider.exec(handle, command('first', 'echo changed > changed'), limit())
      return handle
    }
    const first = await timed('one opened first, which may prepare the template', () => open(count))
    await provider.close(first, limit())
    const handles = await timed('opened, with a first command', () => forEach(count, open))
    await timed('a second command in each', () =>
      forEach(count, async (at) => provider.exec(handles[at] ?? '', command('second', 'cat changed'), limit())),
    )
    await timed('found by their label', () => provider.find({ installation }, limit()))
    await timed('closed', () => forEach(count, (at) => provider.close(handles[at] ?? '', limit())))
    const left = await provider.find({ installation }, limit())
    write(`left: ${left.length}; longest pause of the event loop: ${lag().toFixed(0)} ms\n`)
  },
}

interface Chosen {
  readonly provider: string
  readonly image?: string | undefined
  readonly socket?: string | undefined
  /** The template at E2B. */
  readonly template: string
}

/** Loads the provider that is chosen, and no other. */
async function choose(
  { provider, image, socket, template: hosted }: Chosen,
  env: NodeJS.ProcessEnv,
  folder: string,
): Promise<{ readonly provider: SandboxProvider; readonly template: string }> {
  if (provider === 'container') {
    if (image === undefined) throw new Error('--image names an image that the daemon has')
    const { createContainerProvider } = await import('../src/runtime/sandbox/container/container-provider.ts')
    return { provider: createContainerProvider(socket === undefined ? {} : { socketPath: socket }), template: image }
  }
  if (provider === 'e2b') {
    const { createE2bProvider } = await import('../src/runtime/sandbox/e2b/e2b-provider.ts')
    const { E2B_API_KEY: apiKey = '', E2B_DOMAIN: domain, E2B_API_URL: apiUrl, E2B_SANDBOX_URL: sandboxUrl } = env
    return { provider: createE2bProvider({ apiKey, domain, apiUrl, sandboxUrl }), template: hosted }
  }
  if (provider !== 'local') throw new Error('--provider is local, container or e2b')
  const { createLocalProvider } = await import('../src/runtime/sandbox/local/local-provider.ts')
  const template = join(folder, 'template')
  mkdirSync(template)
  for (let at = 0; at < files; at += 1) writeFileSync(join(template, `file-${at}`), 'x'.repeat(fileBytes))
  return { provider: createLocalProvider({ folder: join(folder, 'sandboxes') }), template }
}

function forEach<Result>(count: number, work: (at: number) => Promise<Result>): Promise<Result[]> {
  return Promise.all(Array.from({ length: count }, (_, at) => work(at)))
}

async function timed<Result>(what: string, work: () => Promise<Result>): Promise<Result> {
  const began = performance.now()
  const result = await work()
  write(`${what}: ${((performance.now() - began) / 1000).toFixed(2)} s\n`)
  return result
}

/** Measures the longest pause of the event loop from now on, in milliseconds. */
function watchLag(): () => number {
  let last = performance.now()
  let longest = 0
  const timer = setInterval(() => {
    longest = Math.max(longest, performance.now() - last - 5)
    last = performance.now()
  }, 5)
  return () => {
    clearInterval(timer)
    return longest
  }
}

async function closeAll(provider: SandboxProvider): Promise<void> {
  const signal = AbortSignal.timeout(60_000)
  for (const { handle } of await provider.find({ installation }, limit())) await provider.close(handle, signal)
  await provider.end()
}

const limit = () => AbortSignal.timeout(900_000)

function write(text: string): void {
  process.stdout.write(text)
}
