import { randomBytes } from 'node:crypto'
import { contentHash } from '../../base/json.ts'
import type { WireDeps } from '../wire.ts'
import type { SessionCall } from './outcomes.ts'

/** How long a session that was handed out may wait for its task, in milliseconds. */
const waitingMs = 15 * 60_000

/**
 * A new session id: a UUID of version 7, which carries its time. So every replica knows which sessions may still begin,
 * without any record of them.
 */
export function newSessionId(now: number): string {
  const bytes = randomBytes(16)
  bytes.writeUIntBE(now, 0, 6)
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x70, 6)
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8)
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}

/** Whether a session without a rollout may still begin one: its id was made here, at most 15 minutes ago. */
export function mayBegin(sessionId: string, now: number): boolean {
  if (!/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(sessionId)) return false
  const madeAt = Number.parseInt(sessionId.replace('-', '').slice(0, 12), 16)
  // The clocks of two replicas may differ.
  return Math.abs(now - madeAt) <= waitingMs
}

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
