import type { z } from 'zod'
import { bigintIn, stringifyExactly } from '../base/exact-json.ts'
import { describeIssues, showingValues } from '../base/issues.ts'
import { checkTimeout, type EnvironmentSpec, type NoSettings, parseState } from './environment.ts'
import type { ItemReader } from './item-reader.ts'
import { checkSandboxNames, namedSandboxes, type Sandbox } from './sandboxes.ts'
import type { ReadSettings, SettingsReader } from './settings.ts'
import type { ExternalContext, ReadingContext, ToolContext, WritingContext } from './tool-context.ts'
import { describeParameters, parametersOf } from './tool-parameters.ts'

/** What a tool returns: a string is sent to the model unchanged, anything else as JSON. */
export type ToolOutput = string | number | boolean | null | object

interface ToolHead<Input extends z.ZodObject> {
  /** The name that the model uses: letters, digits, `_` and `-`, at most 64. */
  readonly name: string
  /** Tells the model what the tool does. */
  readonly description: string
  /** Validates the arguments, types `input`, and becomes the JSON Schema of the dataset's `tools`. */
  readonly input: Input
  /** The timeout in seconds; the server's `TOOL_TIMEOUT_SECONDS` by default. */
  readonly timeoutSeconds?: number
  /**
   * `false` for a tool that uses no rollout table: its statements run outside of the rollout's transaction, which is faster,
   * and cannot name those tables. Without effect on tools with `effects: 'database'`.
   */
  readonly rows?: boolean
}

/** The definition of a tool. `effects` says what it changes, which decides how the server runs it exactly once. */
export type ToolSpec<
  Input extends z.ZodObject,
  Task,
  State,
  Settings = NoSettings,
  Named extends string = never,
> = ToolHead<Input> &
  (
    | {
        readonly effects: 'none'
        run(context: ReadingContext<z.output<Input>, Task, State, Settings>): ToolOutput | Promise<ToolOutput>
      }
    | {
        readonly effects: 'database'
        run(context: WritingContext<z.output<Input>, Task, State, Settings>): ToolOutput | Promise<ToolOutput>
      }
    | {
        readonly effects: 'external'
        /** The sandboxes of the environment that it uses; they are open when it runs. */
        readonly sandboxes?: readonly Named[]
        run(context: ExternalContext<z.output<Input>, Task, State, Settings, Named>): ToolOutput | Promise<ToolOutput>
      }
  )

/** A call with valid arguments and item, ready to run; or why it is invalid, on one line. */
export type Opened<Context, Result> =
  | { readonly fits: true; run(context: Context): Promise<Result> }
  | { readonly fits: false; readonly problem: 'arguments' | 'item'; readonly message: string }

/** The part of a context that is not parsed from the call. Its signal is made when it is asked for. */
type Unparsed<Context> = Omit<Context, 'input' | 'task' | 'state' | 'settings' | 'signal'> & { signal(): AbortSignal }
type ReadingRun = Unparsed<ReadingContext<never, never, unknown>>
type ExternalRun = ReadingRun & { readonly sandboxes?: Readonly<Record<string, Sandbox>> }
/** `stored` is the stored state, null before the first change. */
type WritingRun = Unparsed<WritingContext<never, never, unknown>> & { readonly stored: unknown }

interface Given<Input, Task, Settings> {
  readonly input: Input
  readonly task: Task
  readonly settings: Settings
}

/** The output for the model and the new state. */
interface WrittenOutput {
  readonly output: string
  readonly state: unknown
}

/** The output for the model. When the call is recorded, `change` maps the stored state to the new one. */
interface ExternalOutput {
  readonly output: string
  readonly change: ((stored: unknown) => unknown) | undefined
}

/** Parses a call. An item with a hash is parsed once. */
type Open<Context, Result> = (args: unknown, item: unknown, itemHash?: string) => Opened<Context, Result>

interface ToolFace {
  readonly name: string
  readonly description: string
  /** JSON Schema of the arguments. */
  readonly parameters: Readonly<Record<string, unknown>>
  readonly timeoutSeconds: number | undefined
  /** Whether its `db` reaches the rows of its rollout. */
  readonly rows: boolean
  /** The sandboxes that it uses; undefined for none. */
  readonly sandboxes?: readonly string[]
  /** The same tool with these settings; absent if its environment declares none. */
  readonly withSettings?: (settings: ReadSettings) => Tool
}

/** A tool as the server runs it. Functions hide its schemas, so that the server does not depend on their types. */
export type Tool = ToolFace &
  (
    | { readonly effects: 'none'; readonly open: Open<ReadingRun, string> }
    | { readonly effects: 'database'; readonly open: Open<WritingRun, WrittenOutput> }
    | { readonly effects: 'external'; readonly open: Open<ExternalRun, ExternalOutput> }
  )

/** A tool definition in the chat completions format, as in the `tools` of a dataset row. */
export interface ToolDefinition {
  readonly type: 'function'
  readonly function: {
    readonly name: string
    readonly description: string
    /** JSON Schema of the arguments. */
    readonly parameters: Readonly<Record<string, unknown>>
  }
}

/** The definitions of tools, for dataset rows and `GET /tools`. */
export function toolDefinitions(tools: readonly Tool[]): ToolDefinition[] {
  return tools.map(({ name, description, parameters }) => ({
    type: 'function',
    function: { name, description, parameters },
  }))
}

/** Gives tools the settings of their environment. */
export function toolsWithSettings(tools: readonly Tool[], settings: ReadSettings): readonly Tool[] {
  return tools.map((tool) => tool.withSettings?.(settings) ?? tool)
}

/** Makes a tool from its definition; called by {@link Environment.defineTool}. */
export function makeTool<Input extends z.ZodObject, Task, Reference, State, Settings, Named extends string>(
  environment: EnvironmentSpec<Task, Reference, State, Settings>,
  items: Pick<ItemReader<Task, Reference>, 'task'>,
  spec: ToolSpec<Input, Task, State, Settings, Named>,
  reader: SettingsReader<Settings>,
  read?: ReadSettings,
): Tool {
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(spec.name)) {
    throw new Error(`invalid tool name "${spec.name}": models accept at most 64 letters, digits, _ and -`)
  }
  checkTimeout('tool', spec)
  const sandboxes = spec.effects === 'external' ? (spec.sandboxes ?? []) : []
  checkSandboxNames(`the tool "${spec.name}"`, sandboxes, environment)
  const face: ToolFace = {
    name: spec.name,
    description: spec.description,
    parameters: parametersOf(spec.name, spec.input),
    timeoutSeconds: spec.timeoutSeconds,
    rows: spec.rows ?? true,
    sandboxes,
    ...(reader.variables.length > 0 && {
      withSettings: (given: ReadSettings) => makeTool(environment, items, spec, reader, given),
    }),
  }
  const settings = reader.accessor(read)
  /** Makes `open`, which parses a call and passes the result to `run`. */
  const opening =
    <Context, Result>(run: (given: Given<z.output<Input>, Task, Settings>, context: Context) => Promise<Result>) =>
    (args: unknown, item: unknown, itemHash?: string): Opened<Context, Result> => {
      const task = items.task(item, itemHash)
      if (!task.fits) return { fits: false, problem: 'item', message: task.message }
      const input = spec.input.safeParse(args, showingValues)
      if (!input.success) {
        const takes = describeParameters(face.name, face.parameters, args)
        return {
          fits: false,
          problem: 'arguments',
          message: `${describeIssues(input.error)}. ${takes}; call it again with those`,
        }
      }
      const parsed = { input: input.data, task: task.value }
      return {
        fits: true,
        run: async (context) => await run({ input: parsed.input, task: parsed.task, settings: settings() }, context),
      }
    }
  const stateFrom = (stored: unknown) => parseState(environment, stored)

  switch (spec.effects) {
    case 'none':
      return {
        ...face,
        effects: 'none',
        open: opening<ReadingRun, string>(async (given, context) => {
          const readState = async () => stateFrom(await context.readState())
          const whole = { ...toolContext(given, context), db: context.db, readState }
          return textOf(await spec.run(withSignal(whole)))
        }),
      }
    case 'database':
      return {
        ...face,
        effects: 'database',
        open: opening<WritingRun, WrittenOutput>(async (given, context) => {
          const state = stateFrom(context.stored)
          const whole = { ...toolContext(given, context), tx: context.tx, state }
          const output = textOf(await spec.run(withSignal(whole)))
          return { output, state: parseState(environment, state) }
        }),
      }
    case 'external':
      return {
        ...face,
        effects: 'external',
        open: opening<ExternalRun, ExternalOutput>(async (given, context) => {
          const changes: ((state: State) => void)[] = []
          const readState = async () => stateFrom(await context.readState())
          const updateState = (change: (state: State) => void) => void changes.push(change)
          const named = namedSandboxes(sandboxes, context.sandboxes)
          const more = { db: context.db, readState, updateState, sandboxes: named }
          const output = textOf(await spec.run(withSignal({ ...toolContext(given, context), ...more })))
          const change = (stored: unknown) => {
            const state = stateFrom(stored)
            for (const one of changes) one(state)
            return parseState(environment, state)
          }
          return { output, change: changes.length > 0 ? change : undefined }
        }),
      }
  }
}

/** The key under which a context keeps the function that makes its signal. */
const signalMaker = Symbol('signal')

interface Signalled {
  readonly [signalMaker]: () => AbortSignal
}

/** What the contexts of all tools have in common, except for the signal. */
function toolContext<Input, Task, Settings>(
  { input, task, settings }: Given<Input, Task, Settings>,
  context: Unparsed<ToolContext<never, never, never>>,
): Omit<ToolContext<Input, Task, Settings>, 'signal'> & Signalled {
  const { run, rolloutId, callId, execution, embed, signal } = context
  return { input, task, settings, run, rolloutId, callId, execution, embed, [signalMaker]: signal }
}

// One function for all contexts: an object with an accessor of its own is ten times as slow to make.
const lazySignal = {
  enumerable: true,
  get(this: Signalled): AbortSignal {
    return this[signalMaker]()
  },
}

/** Adds the property `signal`, which is made when it is first read. */
function withSignal<Context extends Signalled>(context: Context): Context & { readonly signal: AbortSignal }
function withSignal(context: Signalled): object {
  return Object.defineProperty(context, 'signal', lazySignal)
}

function textOf(output: ToolOutput): string {
  if (typeof output === 'string') return output
  const text: string | undefined = bigintIn(output) === undefined ? JSON.stringify(output) : stringifyExactly(output)
  if (text === undefined) throw new TypeError('the tool returned a value that is neither text nor JSON')
  return text
}
