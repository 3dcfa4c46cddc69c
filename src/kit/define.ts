import { z } from 'zod'
import { describeIssues, hidingValues } from '../base/issues.ts'
import { type Grader, type GraderSpec, makeGrader } from './define-grader.ts'
import { makeTool, type Tool, type ToolSpec } from './define-tool.ts'
import type { EnvironmentSpec, NoSettings, Redact } from './environment.ts'
import { type Hooks, makeHooks } from './hooks.ts'
import { createItemReader } from './item-reader.ts'
import { type HttpToolSpec, type McpToolsSpec, makeHttpTool, makeMcpTools, type RemoteTools } from './remote-tools.ts'
import { planSandboxes, type SandboxPlan } from './sandboxes.ts'
import { createSettingsReader, type ReadSettings, type SettingsReader } from './settings.ts'
import { makeSubmit, type Submit, type SubmitSpec } from './submit.ts'

/** The two parts of a valid item; or why it is invalid, on one line, without its values. */
export type ReadItem<Task, Reference> =
  | { readonly fits: true; readonly task: Task; readonly reference: Reference }
  | { readonly fits: false; readonly message: string }

/** The result of {@link defineEnvironment}: the two authoring functions, and the environment's data for the server. */
export interface Environment<Task, Reference, State, Settings = NoSettings, Boxes extends string = never> {
  /** The budget of a rollout in calls, or `undefined` for no limit. */
  readonly budget: number | undefined
  /** Defines a tool; see {@link ToolSpec}. Throws if its name or schema cannot be offered to a model. */
  defineTool<Input extends z.ZodObject, const Named extends Boxes = never>(
    spec: ToolSpec<Input, Task, State, Settings, Named>,
  ): Tool
  /**
   * Offers the tools of an MCP server; see {@link McpToolsSpec}. Put the result into the list of tools: the server connects when
   * it starts.
   *
   * @example export const tools = [search, toolsFrom({ mcp: 'http://localhost:9000/mcp', only: ['book'] })]
   */
  toolsFrom(spec: McpToolsSpec<Settings>): RemoteTools
  /**
   * Offers an HTTP address as a tool; see {@link HttpToolSpec}.
   *
   * @example export const tools = [toolFrom({ url: 'http://localhost:9000/search', effects: 'none' })]
   */
  toolFrom(spec: HttpToolSpec<Settings>): RemoteTools
  /** Defines a grader; see {@link GraderSpec}. Throws if its name, range or timeout is invalid. */
  defineGrader<const Named extends Boxes = never>(spec: GraderSpec<Task, Reference, State, Settings, Named>): Grader
  /** The part of a score that cannot be gamed; undefined if the environment names none. */
  readonly trusted: string | undefined
  /** Reads the settings from environment variables, and lists them. */
  readonly settings: Pick<SettingsReader<Settings>, 'variables' | 'read'>
  /** The environment's `begin` and `end` with these settings; by default with the settings' defaults. */
  hooks(settings?: ReadSettings): Hooks
  /** What is stored in place of items, arguments and outputs; undefined where all is stored as it is. */
  readonly redact: Redact | undefined
  /** The sandboxes that rollouts may open; empty if the environment defines none. */
  readonly sandboxes: readonly SandboxPlan[]
  /** What a model calls to finish; undefined if the environment declares none. */
  readonly submit: Submit | undefined
  /** Parses an item as a grader would, to validate it beforehand. */
  readItem(item: unknown): ReadItem<Task, Reference>
}

/**
 * Defines the environment: the schemas of the dataset's items and of the state, from which tools and graders get their
 * types.
 *
 * Throws if the state's schema does not parse `{}`, if the task's schema lets undeclared fields through, or if the budget
 * is not a positive whole number, or if `submit` cannot be offered to a model, or a sandbox is invalid.
 *
 * @example
 * export const { defineTool, defineGrader, budget } = defineEnvironment({
 *   task: z.object({ messages: z.array(z.unknown()) }),
 *   reference: z.object({ reference_answer: z.string() }),
 *   state: z.object({ read: z.array(z.string()).default([]) }),
 *   budget: { calls: 10 },
 * })
 */
export function defineEnvironment<
  Task,
  Reference,
  State,
  Settings = NoSettings,
  Answer extends z.ZodObject = z.ZodObject,
  Boxes extends string = never,
>(
  spec: EnvironmentSpec<Task, Reference, State, Settings, Boxes> & {
    /** What a model calls to finish, on wires where it ends a rollout with a call; see {@link SubmitSpec}. */
    readonly submit?: SubmitSpec<Answer>
  },
): Environment<Task, Reference, State, Settings, Boxes> {
  const start = spec.state.safeParse({}, hidingValues)
  if (!start.success) {
    throw new Error(
      `the environment's state must parse {}, the initial state of a rollout: ${describeIssues(start.error, 'state')}; give its fields defaults`,
    )
  }
  if (spec.task instanceof z.ZodObject && isLoose(spec.task)) {
    throw new Error("the environment's task is a loose object, which would show tools the reference; use z.object")
  }
  const budget = spec.budget?.calls
  if (budget !== undefined && !(Number.isSafeInteger(budget) && budget > 0)) {
    throw new Error(`the environment's budget.calls was ${budget}; it must be a positive whole number`)
  }
  const settings = createSettingsReader(spec.settings)
  const items = createItemReader(spec)
  return {
    budget,
    trusted: spec.trusted,
    settings,
    defineTool: (tool) => makeTool(spec, items, tool, settings),
    toolsFrom: (servers) => makeMcpTools(spec, servers, settings),
    toolFrom: (address) => makeHttpTool(spec, address, settings),
    defineGrader: (grader) => makeGrader(spec, items, grader, settings),
    hooks: (read) => makeHooks(spec, items, settings, read),
    redact: spec.redact,
    sandboxes: planSandboxes(spec.sandboxes ?? {}, items),
    submit: spec.submit && makeSubmit(spec.submit),
    readItem(item) {
      const task = items.task(item)
      if (!task.fits) return task
      const reference = items.reference(item)
      if (!reference.fits) return reference
      return { fits: true, task: task.value, reference: reference.value }
    },
  }
}

/** Whether a schema keeps undeclared fields. */
function isLoose(schema: z.ZodObject): boolean {
  const { catchall } = schema.def
  return catchall !== undefined && !(catchall instanceof z.ZodNever)
}
