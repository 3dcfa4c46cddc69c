import {
  type ExecRequest,
  type ExecResult,
  type Found,
  SandboxError,
  type SandboxLabels,
  type SandboxProvider,
  type SandboxSpec,
} from '../../../src/runtime/sandbox/provider.ts'

interface Box {
  readonly handle: string
  readonly labels: SandboxLabels
  readonly spec: SandboxSpec
  readonly files: Map<string, Uint8Array>
  /** The journal: results by key; undefined for a command whose end was lost. */
  readonly journal: Map<string, ExecResult | undefined>
}

/** What goes wrong at a {@link createCloud}; each function may wait, and throw. */
export interface CloudFaults {
  beforeCreate?(labels: SandboxLabels, signal: AbortSignal): Promise<void>
  /** Called once the sandbox exists, before the creator learns of it. */
  afterCreate?(labels: SandboxLabels, signal: AbortSignal): Promise<void>
  beforeClose?(handle: string): Promise<void>
  /** Called once the command has had its effect, before its result is known. */
  afterExec?(request: ExecRequest, signal: AbortSignal): Promise<void>
}

/** A service of sandboxes in memory, which replicas share as they share a real one. */
export function createCloud(faults: CloudFaults = {}) {
  const boxes = new Map<string, Box>()
  const created: SandboxLabels[] = []
  const commands: { readonly handle: string; readonly key: string; readonly argv: readonly string[] }[] = []
  const extended: { readonly handle: string; readonly seconds: number }[] = []
  let most = 0
  let creating = 0
  let mostCreating = 0

  const boxOf = (handle: string): Box => {
    const box = boxes.get(handle)
    if (box === undefined) throw new SandboxError('gone', `sandbox ${handle} does not exist`)
    return box
  }
  const text = new TextDecoder()
  /** `write PATH TEXT`, `read PATH`, `exit CODE`, `lose` (its end is lost), and anything else prints itself. */
  const perform = (box: Box, [program = '', first = '', second = '']: readonly string[]): Partial<ExecResult> => {
    if (program === 'write') box.files.set(first, new TextEncoder().encode(second))
    if (program === 'read') {
      const content = box.files.get(first)
      return content === undefined ? { exitCode: 1, stderr: 'no such file' } : { stdout: text.decode(content) }
    }
    return program === 'exit' ? { exitCode: Number(first) } : { stdout: [program, first, second].join(' ').trim() }
  }

  const provider: SandboxProvider = {
    name: 'cloud',
    host: undefined,
    async create(spec, labels, signal) {
      creating += 1
      mostCreating = Math.max(mostCreating, creating)
      try {
        await faults.beforeCreate?.(labels, signal)
        const handle = `box-${created.push(labels)}`
        boxes.set(handle, { handle, labels, spec, files: new Map(), journal: new Map() })
        most = Math.max(most, boxes.size)
        await faults.afterCreate?.(labels, signal)
        return { handle }
      } finally {
        creating -= 1
      }
    },
    async find({ installation, rollout, name, generation }) {
      const found: Found[] = [...boxes.values()].filter(
        ({ labels }) =>
          labels.installation === installation &&
          labels.rollout === (rollout ?? labels.rollout) &&
          labels.name === (name ?? labels.name) &&
          labels.generation === (generation ?? labels.generation),
      )
      return found
    },
    async exec(handle, request, signal) {
      const box = boxOf(handle)
      const { key, argv } = request
      if (box.journal.has(key)) {
        const done = box.journal.get(key)
        if (done === undefined) throw new SandboxError('exec_ambiguous', 'its end was lost')
        return done
      }
      box.journal.set(key, undefined)
      commands.push({ handle, key, argv })
      const done = { exitCode: 0, signal: null, stdout: '', stderr: '', timedOut: false, truncated: false }
      const result: ExecResult = { ...done, ...perform(box, argv) }
      if (argv[0] === 'lose') throw new SandboxError('exec_ambiguous', 'its end was lost')
      box.journal.set(key, result)
      await faults.afterExec?.(request, signal)
      return result
    },
    async read(handle, path) {
      const content = boxOf(handle).files.get(path)
      if (content === undefined) throw new SandboxError('refused', 'no such file')
      return content
    },
    async write(handle, path, content) {
      boxOf(handle).files.set(path, content)
    },
    alive: async (handle) => boxes.has(handle),
    async extend(handle, seconds) {
      boxOf(handle)
      extended.push({ handle, seconds })
    },
    async close(handle) {
      await faults.beforeClose?.(handle)
      boxes.delete(handle)
    },
    problem: async () => undefined,
    end: async () => undefined,
  }
  return {
    provider,
    boxes,
    /** The labels of every creation, in order. */
    created,
    /** Every command that ran, in order. */
    commands,
    extended,
    /** The most sandboxes that existed at once, and the most creations. */
    get most() {
      return most
    },
    get mostCreating() {
      return mostCreating
    },
    /** Removes a rollout's sandboxes behind the server's back. */
    kill: (rollout: number) => {
      for (const { handle, labels } of [...boxes.values()]) if (labels.rollout === String(rollout)) boxes.delete(handle)
    },
  }
}

export type Cloud = ReturnType<typeof createCloud>
