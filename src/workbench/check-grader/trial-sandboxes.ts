import { randomUUID } from 'node:crypto'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Grader } from '../../kit/define-grader.ts'
import { RequestError, ToolError, UngradableError } from '../../kit/errors.ts'
import type { Sandbox, SandboxPlan } from '../../kit/sandboxes.ts'
import { createLocalProvider } from '../../runtime/sandbox/local/local-provider.ts'
import { SandboxError, type SandboxProvider } from '../../runtime/sandbox/provider.ts'
import { checkCommand, checkPath } from '../../runtime/sandbox/validation.ts'

/** Sandboxes for graders that are tried: each answer gets its own, as its item's template is. */
export interface TrialSandboxes {
  /** The sandboxes of one answer. Each is created when it is first used. */
  open(plans: readonly SandboxPlan[], item: unknown): OpenTrialSandboxes
  /** Removes all of them. */
  close(): Promise<void>
}

/** The sandboxes of one answer. */
export interface OpenTrialSandboxes {
  /** The sandboxes for the grader; `signal` ends what they do. */
  handles(signal: AbortSignal): Readonly<Record<string, Sandbox>>
  close(): Promise<void>
}

/** How long the provider keeps what nobody removes, in seconds. */
const ttlSeconds = 3_600

/**
 * Opens the local provider in a temporary folder, if the grader names sandboxes. Resolves with a sentence where it cannot be used,
 * and with undefined for a grader without sandboxes.
 */
export async function openTrialSandboxes({ sandboxPlans = [] }: Grader): Promise<TrialSandboxes | string | undefined> {
  if (sandboxPlans.length === 0) return undefined
  const folder = await mkdtemp(join(tmpdir(), 'scorekeeper-check-sandboxes-'))
  // Where this process is root, commands run as another user.
  await chmod(folder, 0o755)
  const provider = createLocalProvider({ folder })
  const installation = `check-${randomUUID()}`
  const { signal } = new AbortController()
  const remove = async () => {
    await provider.end()
    await rm(folder, { recursive: true, force: true })
  }
  const close = async () => {
    try {
      for (const { handle } of await provider.find({ installation }, signal)) await provider.close(handle, signal)
    } finally {
      await remove()
    }
  }
  const problem = await provider.problem()
  if (problem !== undefined) {
    await remove()
    return problem
  }
  let answers = 0
  return {
    open(plans, item) {
      answers += 1
      return openFor(provider, plans, item, { installation, rollout: String(answers) })
    },
    close,
  }
}

function openFor(
  provider: SandboxProvider,
  plans: readonly SandboxPlan[],
  item: unknown,
  labels: { readonly installation: string; readonly rollout: string },
): OpenTrialSandboxes {
  const made = new Map<string, Promise<string>>()

  const create = async (plan: SandboxPlan, signal: AbortSignal): Promise<string> => {
    const found = plan.templateFor(item)
    if (!found.fits) throw new RequestError(422, 'item_misfit', found.message)
    const { network, memoryMb, pids, diskMb, name } = plan
    const spec = { template: found.template, network, memoryMb, pids, diskMb, ttlSeconds }
    return (await provider.create(spec, { ...labels, name, generation: '1' }, signal)).handle
  }
  const handleOf = (plan: SandboxPlan, signal: AbortSignal): Promise<string> => {
    const handle = made.get(plan.name) ?? create(plan, signal)
    made.set(plan.name, handle)
    return handle
  }
  const sandboxOf = (plan: SandboxPlan, signal: AbortSignal): Sandbox => {
    let commands = 0
    return {
      async exec(argv, options = {}) {
        const { timeoutSeconds = 30, maxOutputBytes = 100_000, signal: own, ...rest } = options
        checkCommand({ argv, timeoutSeconds, maxOutputBytes, ...rest })
        commands += 1
        const request = { key: `${commands}`, argv, timeoutSeconds, maxOutputBytes, ...rest }
        const either = own === undefined ? signal : AbortSignal.any([own, signal])
        return await failing(async () => provider.exec(await handleOf(plan, signal), request, either))
      },
      async readFile(path, { maxBytes = 1_000_000 } = {}) {
        checkPath('the path of the file', path)
        const read = async () => provider.read(await handleOf(plan, signal), path, maxBytes, signal)
        return await failing(read, `cannot read "${path}"`)
      },
      async writeFile(path, content) {
        checkPath('the path of the file', path)
        const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content
        const write = async () => provider.write(await handleOf(plan, signal), path, bytes, signal)
        await failing(write, `cannot write "${path}"`)
      },
    }
  }
  return {
    handles: (signal) => Object.fromEntries(plans.map((plan) => [plan.name, sandboxOf(plan, signal)])),
    async close() {
      const { signal } = new AbortController()
      for (const one of made.values()) {
        const handle = await one.catch(() => undefined)
        if (handle !== undefined) await provider.close(handle, signal)
      }
    },
  }
}

/** A sandbox that fails is not the model's fault: no score. What it refuses about a file is the grader's to handle, as on the server. */
async function failing<Result>(work: () => Promise<Result>, refusal?: string): Promise<Result> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof SandboxError)) throw error
    if (error.code === 'refused' && refusal !== undefined) throw new ToolError(`${refusal}: ${error.message}`)
    throw new UngradableError(503, 'sandbox_failed', `a sandbox failed: ${error.message}`, { cause: error })
  }
}
