import type { Db, Embed, NoSettings, Tx } from './environment.ts'

/** What every tool gets, whatever its effects. */
export interface ToolContext<Input, Task, Settings = NoSettings> {
  /** The call's arguments, as the tool's schema parsed them. */
  readonly input: Input
  /** The part of the item that tools may see. */
  readonly task: Task
  /** The environment's settings, as its schema parsed them. */
  readonly settings: Settings
  readonly rolloutId: string
  readonly callId: string
  /** 1, or more when an earlier attempt at this very call failed or died, perhaps after it had its effect. */
  readonly attempt: number
  /** Aborted when the tool's time is up or the call is no longer this server's; pass it on. */
  readonly signal: AbortSignal
  /** The configured embeddings endpoint, if there is one. */
  readonly embed: Embed | undefined
}

/** The context of a tool that only reads. */
export interface ReadingContext<Input, Task, State, Settings = NoSettings> extends ToolContext<Input, Task, Settings> {
  readonly db: Db
  /** Reads the rollout's state as last committed. */
  readState(): Promise<State>
}

/** The context of a tool whose effects are rows: they commit with the call's record, or not at all. */
export interface WritingContext<Input, Task, State, Settings = NoSettings> extends ToolContext<Input, Task, Settings> {
  readonly tx: Tx
  /** The rollout's state: change it in place; it is stored when the tool returns. */
  readonly state: State
}

/** The context of a tool that acts outside; it holds no connection while it runs. */
export interface ExternalContext<Input, Task, State, Settings = NoSettings>
  extends ReadingContext<Input, Task, State, Settings> {
  /** Changes the state when the call is settled: `change` gets the state as it is then, and changes it in place. */
  updateState(change: (state: State) => void): void
}
