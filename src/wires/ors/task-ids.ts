import { randomBytes } from 'node:crypto'
import { contentHash } from '../../base/json.ts'
import type { WireDeps } from '../wire.ts'
import type { SessionCall } from './outcomes.ts'

/** What a task id stands for. */
export type NamedCall = Pick<SessionCall, 'session' | 'name' | 'input'>

/** Makes the ids of calls. They are signed, so that every replica knows the ids of all, also of calls that have not run. */
export interface TaskIds {
  /** A new id for a call. */
  mint(call: NamedCall): Promise<string>
  /** Whether an id was made for this call: with another session, name or input it is unknown. */
  isFor(taskId: string, call: NamedCall): Promise<boolean>
}

/** Creates the maker of task ids. */
export function createTaskIds(tokens: WireDeps['tokens']): TaskIds {
  const contentOf = ({ session: { run, rolloutId, number }, name, input }: NamedCall) =>
    contentHash([run, rolloutId, number, name, input ?? null]).slice(0, 32)
  return {
    mint: (call) => tokens.mint(['ors', randomBytes(9).toString('base64url'), contentOf(call)]),
    async isFor(taskId, call) {
      const [wire, , content] = (await tokens.read(taskId)) ?? []
      return wire === 'ors' && content === contentOf(call)
    },
  }
}
