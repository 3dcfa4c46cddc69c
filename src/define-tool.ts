import { z } from 'zod'
import { checkTimeout } from './check-timeout.ts'
import type { Db, Embed, EnvironmentSpec, Tx } from './environment.ts'
import { describeIssues } from './issues.ts'

/** What every tool gets, whatever its effects. */
export interface ToolContext<Input, Task> {
  /** The call's arguments, as the tool's schema parsed them. */
  readonly input: Input
  /** The part of the item that tools may see. */
  readonly task: Task
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
export interface ReadingContext<Input, Task, State> extends ToolContext<Input, Task> {
  readonly db: Db
  /** Reads the rollout's state as last committed. */
  readState(): Promise<State>
}

/** The context of a tool whose effects are rows: they commit with the call's record, or not at all. */
export interface WritingContext<Input, Task, State> extends ToolContext<Input, Task> {
  readonly tx: Tx
  /** The rollout's state: change it in place; it is stored when the tool returns. */
  readonly state: State
}

/** The context of a tool that acts outside; it holds no connection while it runs. */
export interface ExternalContext<Input, Task, State> extends ReadingContext<Input, Task, State> {
  /** Changes the state when the call is settled: `change` gets the state as it is then, and changes it in place. */
  updateState(change: (state: State) => void): void
}

/** What a tool returns: text for the model as it is, anything else as JSON. */
export type ToolOutput = string | number | boolean | null | object

interface ToolHead<Input extends z.ZodObject> {
  /** What the model calls it: letters, digits, `_` and `-`, at most 64. */
  readonly name: string
  /** What it does, for the model. */
  readonly description: string
  /** Validates the arguments, types `input`, and becomes the JSON Schema of the dataset's `tools`. */
  readonly input: Input
  /** How long it may run, in seconds; without it the server's own limit holds. */
  readonly timeoutSeconds?: number
}

/** A tool as its author writes it. `effects` says where its effects land, and so how it is run once. */
export type ToolSpec<Input extends z.ZodObject, Task, State> = ToolHead<Input> &
  (
    | {
        readonly effects: 'none'
        run(context: ReadingContext<z.output<Input>, Task, State>): ToolOutput | Promise<ToolOutput>
      }
    | {
        readonly effects: 'database'
        run(context: WritingContext<z.output<Input>, Task, State>): ToolOutput | Promise<ToolOutput>
      }
    | {
        readonly effects: 'external'
        run(context: ExternalContext<z.output<Input>, Task, State>): ToolOutput | Promise<ToolOutput>
      }
  )

/** A call whose arguments and item fit, ready to run; or why it does not fit, on one line. */
export type Opened<Context, Result> =
  | { readonly fits: true; run(context: Context): Promise<Result> }
  | { readonly fits: false; readonly problem: 'arguments' | 'item'; readonly message: string }

type Unparsed<Context> = Omit<Context, 'input' | 'task' | 'state'>
type Open<Context, Result> = (args: unknown, item: unknown) => Opened<Unparsed<Context>, Result>

interface ToolFace {
  readonly name: string
  readonly description: string
  /** JSON Schema of the arguments. */
  readonly parameters: Readonly<Record<string, unknown>>
  readonly timeoutSeconds: number | undefined
}

/** A tool as the server holds it: its schemas have become functions, so that nothing outside needs their types. */
export type Tool = ToolFace &
  (
    | { readonly effects: 'none'; readonly open: Open<ReadingContext<never, never, unknown>, string> }
    | {
        readonly effects: 'database'
        /** `run` takes the stored state (null for none yet) and gives what to store with the output. */
        readonly open: (
          args: unknown,
          item: unknown,
        ) => Opened<
          Unparsed<WritingContext<never, never, unknown>> & { readonly stored: unknown },
          { output: string; state: unknown }
        >
      }
    | {
        readonly effects: 'external'
        /** `change`, if any, takes the stored state at settling and gives the new one. */
        readonly open: (
          args: unknown,
          item: unknown,
        ) => Opened<
          Unparsed<ReadingContext<never, never, unknown>>,
          { output: string; change: ((stored: unknown) => unknown) | undefined }
        >
      }
  )

/** Turns an author's tool into the server's; {@link Environment.defineTool} is the way in. */
export function makeTool<Input extends z.ZodObject, Task, Reference, State>(
  environment: EnvironmentSpec<Task, Reference, State>,
  spec: ToolSpec<Input, Task, State>,
): Tool {
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(spec.name)) {
    throw new Error(`a tool is named "${spec.name}"; models accept letters, digits, _ and -, at most 64 of them`)
  }
  checkTimeout('tool', spec)
  const face: ToolFace = {
    name: spec.name,
    description: spec.description,
    parameters: parametersOf(spec.name, spec.input),
    timeoutSeconds: spec.timeoutSeconds,
  }
  const parse = (args: unknown, item: unknown) => {
    const task = environment.task.safeParse(item)
    if (!task.success) return { fits: false, problem: 'item', message: describeIssues(task.error, 'item') } as const
    const input = spec.input.safeParse(args)
    if (!input.success) return { fits: false, problem: 'arguments', message: describeIssues(input.error) } as const
    return { fits: true, given: { input: input.data, task: task.data } } as const
  }
  const stateFrom = (stored: unknown) => environment.state.parse(stored ?? {})

  switch (spec.effects) {
    case 'none':
      return {
        ...face,
        effects: 'none',
        open(args, item) {
          const parsed = parse(args, item)
          if (!parsed.fits) return parsed
          return {
            fits: true,
            run: async (context) => {
              const readState = async () => stateFrom(await context.readState())
              return textOf(await spec.run({ ...context, ...parsed.given, readState }))
            },
          }
        },
      }
    case 'database':
      return {
        ...face,
        effects: 'database',
        open(args, item) {
          const parsed = parse(args, item)
          if (!parsed.fits) return parsed
          return {
            fits: true,
            run: async ({ stored, ...context }) => {
              const state = stateFrom(stored)
              const output = textOf(await spec.run({ ...context, ...parsed.given, state }))
              return { output, state: environment.state.parse(state) }
            },
          }
        },
      }
    case 'external':
      return {
        ...face,
        effects: 'external',
        open(args, item) {
          const parsed = parse(args, item)
          if (!parsed.fits) return parsed
          return {
            fits: true,
            run: async (context) => {
              const changes: ((state: State) => void)[] = []
              const readState = async () => stateFrom(await context.readState())
              const updateState = (change: (state: State) => void) => void changes.push(change)
              const output = textOf(await spec.run({ ...context, ...parsed.given, readState, updateState }))
              const change = (stored: unknown) => {
                const state = stateFrom(stored)
                for (const one of changes) one(state)
                return environment.state.parse(state)
              }
              return { output, change: changes.length > 0 ? change : undefined }
            },
          }
        },
      }
  }
}

function textOf(output: ToolOutput): string {
  if (typeof output === 'string') return output
  const text: string | undefined = JSON.stringify(output)
  if (text === undefined) throw new TypeError('the tool returned nothing that can be written as text or JSON')
  return text
}

function parametersOf(name: string, input: z.ZodObject): Record<string, unknown> {
  try {
    const { $schema: _, ...schema } = z.toJSONSchema(input, {
      io: 'input',
      override: ({ jsonSchema }) => {
        if (jsonSchema.type === 'object') jsonSchema.additionalProperties ??= false
      },
    })
    return schema
  } catch (cause) {
    throw new Error(`the input of the tool "${name}" has no JSON Schema, which models need`, { cause })
  }
}
