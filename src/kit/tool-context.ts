import type { Db, Embed, NoSettings, Tx } from './environment.ts'
import type { Sandboxes } from './sandboxes.ts'

/** The context of every tool, whatever its effects. */
export interface ToolContext<Input, Task, Settings = NoSettings> {
  /** The call's arguments, as the tool's schema parsed them. */
  readonly input: Input
  /** The part of the item that tools may see, frozen at any depth: all calls with this item share it. */
  readonly task: Readonly<Task>
  /** The environment's settings, as its schema parsed them. */
  readonly settings: Settings
  /** The job to which the rollout belongs. */
  readonly run: string
  readonly rolloutId: string
  readonly callId: string
  /** 1, or more if earlier executions of this call failed or were interrupted, possibly after they took effect. */
  readonly execution: number
  /** Aborted when the tool times out or another server has taken over the call; pass it on. */
  readonly signal: AbortSignal
  /** Embeds texts; undefined if no embeddings endpoint is configured. */
  readonly embed: Embed | undefined
}

/** The context of a tool that only reads. */
export interface ReadingContext<Input, Task, State, Settings = NoSettings> extends ToolContext<Input, Task, Settings> {
  readonly db: Db
  /** Reads the rollout's last committed state. */
  readState(): Promise<State>
}

/** The context of a tool that writes to the database. Its writes commit together with the call's record. */
export interface WritingContext<Input, Task, State, Settings = NoSettings> extends ToolContext<Input, Task, Settings> {
  readonly tx: Tx
  /** The rollout's state. Change it in place; it is stored when the tool returns. */
  readonly state: State
}

/** The context of a tool with external effects. It holds no database connection while it runs. */
export interface ExternalContext<Input, Task, State, Settings = NoSettings, Named extends string = never>
  extends ReadingContext<Input, Task, State, Settings> {
  /** The rollout's sandboxes that the tool names. */
  readonly sandboxes: Sandboxes<Named>
  /** Changes the state when the call is recorded: `change` gets the state at that time and changes it in place. */
  updateState(change: (state: State) => void): void
}
