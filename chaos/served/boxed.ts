import { fileURLToPath } from 'node:url'
import { defineEnvironment } from '../../src/kit/define.ts'
import type { CommandResult, Sandbox } from '../../src/kit/sandboxes.ts'
import { behave, input } from './behaviour.ts'
import { spec } from './environment.ts'
import { gradeByLuck } from './graders.ts'

/** The environment of the replicas with a sandbox for each rollout. */
export const boxedEnvironment = defineEnvironment({
  ...spec,
  sandboxes: {
    box: {
      template: fileURLToPath(new URL('./template', import.meta.url)),
      ...{ memoryMb: 128, pids: 16, diskMb: 8 },
    },
  },
})

/** What the output of a call begins with whose tool caught the failure of its sandbox: the server must not accept it. */
export const swallowed = 'done although its sandbox failed'

// `$HOME` is outside of the overlay; the harness reads the file there.
const script = 'echo "$1" >> "$HOME/ran"; sleep "$2"; cat "$HOME/ran"'

/**
 * Runs a command that adds a line to the list of the sandbox's commands, waits, and prints the list. The line names the
 * command by what should run it once, and the execution that asked for it by a nonce.
 */
function list(box: Sandbox, name: string, nonce: string, ms: number, signal: AbortSignal): Promise<CommandResult> {
  const argv = ['sh', '-c', script, 'list', `${name} ${nonce}`, String(ms / 1000)]
  return box.exec(argv, { signal, timeoutSeconds: 10 })
}

/** Runs a command in the sandbox, and in a part of the calls a second one; it swallows their failures. */
export const boxTool = boxedEnvironment.defineTool({
  name: 'box',
  description: 'Acts in the sandbox of the rollout.',
  input,
  effects: 'external',
  sandboxes: ['box'],
  async run({ callId, sandboxes: { box }, ...context }) {
    const { ms } = context.input
    let commands = 0
    let hasFailed = false
    const output = await behave(context, async (nonce) => {
      for (let nth = 0; nth < (ms % 3 === 0 ? 2 : 1); nth += 1) {
        commands += 1
        const done = await list(box, `${callId}/${commands}`, nonce, ms / 2, context.signal).catch(() => undefined)
        hasFailed ||= done === undefined
        if (done !== undefined && done.exitCode !== 0) throw new Error(`the command ended with ${done.exitCode}`)
      }
    })
    return hasFailed ? `${swallowed}: ${output}` : output
  },
})

/** What a call's tool and number make of its first command in the list. */
const firstOf = ({ callId }: { readonly callId: string }) => `${callId}/1 `

export const boxedGraders = [
  boxedEnvironment.defineGrader({
    name: 'luck',
    version: '1',
    sandboxes: ['box'],
    /**
     * As careless graders do, it gives 0 for a sandbox that it cannot use, and for one without what the calls did there: no
     * such score must reach a trainer.
     */
    async grade({ sandboxes: { box }, task, signal, ...context }) {
      const { score, parts } = await gradeByLuck(context)
      if (!task.boxed) return { score, parts }
      const name = `grading-${context.sample.output_text.replaceAll(' ', '-')}/1`
      const done = await list(box, name, 'grading', 10, signal).catch(() => undefined)
      const lines = done?.stdout.split('\n') ?? []
      const made = context.trajectory.filter(({ tool, outcome }) => tool === 'box' && outcome === 'ok')
      const missing = made.filter((call) => !lines.some((line) => line.startsWith(firstOf(call))))
      const isIntact = done?.exitCode === 0 && missing.length === 0
      const ended = `exit ${done?.exitCode}, ${done?.signal}, ${done?.stderr}`
      return { score: isIntact ? score : 0, parts, reason: `${ended}; missing: ${missing.map(firstOf).join(', ')}` }
    },
  }),
]
