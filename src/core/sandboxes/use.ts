import { withDeadline } from '../../base/deadline.ts'
import { contentHash } from '../../base/json.ts'
import { RequestError, ToolError } from '../../kit/errors.ts'
import type { CommandOptions, CommandResult, Sandbox } from '../../kit/sandboxes.ts'
import type { SandboxKey } from '../../ledger/sandboxes.ts'
import { SandboxError } from '../../runtime/sandbox/provider.ts'
import { checkCommand, checkPath } from '../../runtime/sandbox/validation.ts'
import { SandboxFailure, sandboxFailure } from './failure.ts'
import type { OpenSandbox, Place, SandboxOpener } from './opener.ts'
import type { SandboxServices } from './services.ts'

/** What uses sandboxes: an attempt's call or grading. */
export interface SandboxUser {
  readonly run: string
  /** The number of the attempt. */
  readonly rollout: number
  readonly item: unknown
  readonly itemHash: string
  /** Identifies the call or the grading within the attempt, the same in each of its executions. */
  readonly work: readonly (string | number)[]
}

/** The sandboxes of one execution of a call or a grading. */
export interface SandboxUse {
  /** Waits for the places of the sandboxes that are not open. Throws like {@link SandboxOpener.reserve}. */
  reserve(): Promise<void>
  /** Opens them. Throws a {@link SandboxFailure}. */
  open(): Promise<void>
  /** The sandboxes for the tool or the grader; `signal` ends its waiting. */
  handles(signal: () => AbortSignal): Readonly<Record<string, Sandbox>>
  /** Throws the first failure of a sandbox, which the tool or the grader may have caught. */
  mustBeIntact(): void
  /** The first failure of a sandbox. */
  readonly failure: unknown
  /** Gives up the places that were not used. */
  release(): Promise<void>
}

const defaultSeconds = 30
const defaultOutputBytes = 100_000
const defaultFileBytes = 1_000_000

/** Creates the sandboxes of a call or a grading, by name. */
export function createSandboxUse(
  services: SandboxServices,
  opener: SandboxOpener,
  user: SandboxUser,
  names: readonly string[],
): SandboxUse {
  const { ledger, provider, plans, times, meter, log } = services
  const places = new Map<string, Promise<Place>>()
  const opened = new Map<string, Promise<OpenSandbox>>()
  const failures: unknown[] = []
  const keyOf = (name: string): SandboxKey => ({ run: user.run, rollout: user.rollout, name })

  const placeOf = (name: string): Promise<Place> => {
    const place = places.get(name) ?? opener.reserve(keyOf(name))
    places.set(name, place)
    return place
  }
  const openOnce = async (name: string): Promise<OpenSandbox> => {
    const place = await placeOf(name)
    if (place.isOpen) return place.sandbox
    const template = plans.get(name)?.templateFor(user.item, user.itemHash)
    if (template === undefined) throw new Error(`the environment defines no sandbox "${name}"`)
    if (!template.fits) {
      throw new RequestError(422, 'item_misfit', `the item does not fit the environment: ${template.message}`)
    }
    return await place.open(template.template)
  }
  const open = (name: string): Promise<OpenSandbox> => {
    const sandbox = opened.get(name) ?? openOnce(name)
    opened.set(name, sandbox)
    return sandbox
  }

  /** Keeps the provider from removing it while the rollout lasts. */
  const prolong = async (sandbox: OpenSandbox, signal: AbortSignal): Promise<void> => {
    const { timeToLive } = times
    if ((sandbox.expiresIn ?? timeToLive) > timeToLive - Math.min(300, timeToLive / 10)) return
    await provider.extend(sandbox.handle, timeToLive, signal)
    await ledger.extended(sandbox, timeToLive)
  }

  /** Notes and throws what failed; a sandbox that is gone is recorded as lost, for all later calls and gradings. */
  const fail = async (error: unknown, name: string, sandbox: OpenSandbox | undefined): Promise<never> => {
    const failure = sandboxFailure(error, name)
    // Whatever it is, such as an unavailable database: careless code may catch it, and go on without the sandbox.
    failures.push(failure)
    if (failure instanceof SandboxFailure) {
      meter.fail(failure.code)
      const facts = { run: user.run, rolloutNumber: user.rollout, sandbox: name, handle: sandbox?.handle }
      log.warn({ code: failure.code, ...facts, cause: error }, `a sandbox failed: ${failure.message}`)
    }
    if (error instanceof SandboxError && error.code === 'gone' && sandbox !== undefined) {
      await ledger.lost(sandbox, sandbox.handle, 'sandbox_lost')
    }
    throw failure
  }

  const handleOf = (name: string, signal: () => AbortSignal): Sandbox => {
    let commands = 0
    let prolonged: Promise<void> | undefined
    const using = async <Result>(
      seconds: number,
      own: AbortSignal | undefined,
      work: (handle: string, signal: AbortSignal) => Promise<Result>,
    ): Promise<Result> => {
      let sandbox: OpenSandbox | undefined
      try {
        sandbox = await open(name)
        const { handle } = sandbox
        const box = sandbox
        const late = () => new SandboxError('unavailable', `the provider did not answer within ${seconds} s`)
        const parents = [signal(), ...(own === undefined ? [] : [own])]
        return await withDeadline({ seconds, late, parents }, async (limit) => {
          prolonged ??= prolong(box, limit)
          await prolonged
          return await work(handle, limit)
        })
      } catch (error) {
        // The model's fault, or the author's own wish.
        if (error instanceof ToolError || own?.aborted) throw error
        return await fail(error, name, sandbox)
      }
    }
    return {
      async exec(argv, options: CommandOptions = {}): Promise<CommandResult> {
        const { timeoutSeconds = defaultSeconds, maxOutputBytes = defaultOutputBytes } = options
        checkCommand({ ...options, argv, timeoutSeconds, maxOutputBytes })
        commands += 1
        const key = `${contentHash([user.rollout, ...user.work]).slice(0, 40)}-${name}-${commands}`
        const { cwd, env, input } = options
        const more = { ...(cwd !== undefined && { cwd }), ...(env && { env }), ...(input !== undefined && { input }) }
        const request = { key, argv, timeoutSeconds, maxOutputBytes, ...more }
        // Where many rollouts act at once, a provider may let a command wait before its timeout starts.
        return await using(timeoutSeconds + times.request + times.wait, options.signal, (handle, limit) =>
          provider.exec(handle, request, limit),
        )
      },
      async readFile(path, { maxBytes = defaultFileBytes } = {}) {
        checkPath('the path of the file', path)
        return await using(times.request + times.wait, undefined, (handle, limit) =>
          provider.read(handle, path, maxBytes, limit).catch(asRefusal(`cannot read "${path}"`)),
        )
      },
      async writeFile(path, content) {
        checkPath('the path of the file', path)
        const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content
        await using(times.request + times.wait, undefined, (handle, limit) =>
          provider.write(handle, path, bytes, limit).catch(asRefusal(`cannot write "${path}"`)),
        )
      },
    }
  }

  return {
    async reserve() {
      const settled = await Promise.allSettled(names.map(placeOf))
      for (const one of settled) if (one.status === 'rejected') throw one.reason
    },
    async open() {
      for (const name of names) {
        await open(name).catch((error: unknown) => fail(error, name, undefined))
      }
    },
    handles: (signal) => Object.fromEntries(names.map((name) => [name, handleOf(name, signal)])),
    mustBeIntact() {
      const [first] = failures
      if (first !== undefined) throw first
    },
    get failure() {
      return failures[0]
    },
    async release() {
      for (const [name, place] of places) {
        if (opened.has(name)) continue
        const reserved = await place.catch(() => undefined)
        if (reserved !== undefined && !reserved.isOpen) await reserved.release()
      }
    },
  }
}

/** What a provider refuses about a file is the model's to read. */
function asRefusal(what: string): (error: unknown) => never {
  return (error) => {
    if (!(error instanceof SandboxError) || error.code !== 'refused') throw error
    throw new ToolError(`${what}: ${error.message}`)
  }
}
