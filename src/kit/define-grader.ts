import { checkTimeout, type Db, type Embed, type EnvironmentSpec, type NoSettings, parseState } from './environment.ts'
import type { ItemReader } from './item-reader.ts'
import type { Judgement, JudgeQuestion } from './judge.ts'
import {
  checkSandboxNames,
  namedSandboxes,
  planSandboxes,
  type Sandbox,
  type Sandboxes,
  type SandboxPlan,
} from './sandboxes.ts'
import type { ReadSettings, SettingsReader } from './settings.ts'
import type { TrajectoryCall } from './trajectory.ts'

/** The model's final output, as the trainer sends it. Only `output_text` is sent by every trainer. */
export interface Sample {
  readonly output_text: string
  readonly output_json?: unknown
  readonly output_tools?: readonly unknown[]
  readonly choices?: readonly unknown[]
  readonly [field: string]: unknown
}

/** The context of a grader. */
export interface GraderContext<Task, Reference, State, Settings = NoSettings, Named extends string = never> {
  readonly sample: Sample
  readonly task: Readonly<Task>
  readonly reference: Readonly<Reference>
  /** The rollout's tool calls in order. */
  readonly trajectory: readonly TrajectoryCall[]
  /** The rollout's state at its end. */
  readonly state: State
  /** The environment's settings, as its schema parsed them. */
  readonly settings: Settings
  /** The run of the rollout. */
  readonly run: string
  readonly rolloutId: string
  readonly db: Db
  readonly embed: Embed | undefined
  /** Asks a judging model. Throws if it does not answer, which makes the rollout ungradable. */
  readonly judge: (question: JudgeQuestion) => Promise<Judgement>
  /** The rollout's sandboxes that the grader names, as its calls left them. One that no call opened is opened at first use. */
  readonly sandboxes: Sandboxes<Named>
  /** Aborted when the grader times out; pass it on. */
  readonly signal: AbortSignal
}

/** A score and its parts. */
export interface Grade {
  readonly score: number
  /** Named components, finite numbers: recorded, but not sent to the trainer. */
  readonly parts?: Readonly<Record<string, number>>
  /** An explanation for people. */
  readonly reason?: string
}

/** The definition of a grader. It returns a number or a score with parts, or throws. */
export interface GraderSpec<Task, Reference, State, Settings = NoSettings, Named extends string = never> {
  /** Served at `/graders/{name}`: letters, digits, `_` and `-`, at most 64. */
  readonly name: string
  /** Recorded with each grading. Change it whenever a score could change. */
  readonly version: string
  /** Least and greatest score, inclusive; [0, 1] by default. A score outside fails the grading. */
  readonly range?: readonly [number, number]
  /** The timeout in seconds; the server's `GRADER_TIMEOUT_SECONDS` by default. */
  readonly timeoutSeconds?: number
  /** The sandboxes of the environment that it uses. */
  readonly sandboxes?: readonly Named[]
  grade(context: GraderContext<Task, Reference, State, Settings, Named>): number | Grade | Promise<number | Grade>
}

type Unparsed = Omit<
  GraderContext<never, never, unknown>,
  'task' | 'reference' | 'state' | 'settings' | 'sandboxes'
> & {
  readonly sandboxes?: Readonly<Record<string, Sandbox>>
}

/** A grader as the server runs it. */
export interface Grader {
  readonly name: string
  readonly version: string
  readonly range: readonly [number, number]
  readonly timeoutSeconds: number | undefined
  /** The sandboxes that it uses; undefined for none. */
  readonly sandboxes?: readonly string[]
  /** How those are made; undefined for none. */
  readonly sandboxPlans?: readonly SandboxPlan[]
  /** A hash of the grader's source files, recorded with the version; undefined if they are not known. */
  readonly codeHash?: string | undefined
  /** Parses the item, one with a hash once. `run` then takes the stored state, null before the first change. */
  open(
    item: unknown,
    itemHash?: string,
  ):
    | { readonly fits: true; run(context: Unparsed & { readonly stored: unknown }): Promise<Grade> }
    | { readonly fits: false; readonly message: string }
  /** The same grader with these settings; absent if its environment declares none. */
  readonly withSettings?: (settings: ReadSettings) => Grader
}

/** Gives graders the settings of their environment. Each keeps its code hash. */
export function gradersWithSettings(graders: readonly Grader[], settings: ReadSettings): readonly Grader[] {
  return graders.map((grader) => ({ ...(grader.withSettings?.(settings) ?? grader), codeHash: grader.codeHash }))
}

/** Makes a grader from its definition; called by {@link Environment.defineGrader}. */
export function makeGrader<Task, Reference, State, Settings, Named extends string>(
  environment: EnvironmentSpec<Task, Reference, State, Settings>,
  items: ItemReader<Task, Reference>,
  spec: GraderSpec<Task, Reference, State, Settings, Named>,
  reader: SettingsReader<Settings>,
  read?: ReadSettings,
): Grader {
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(spec.name)) {
    throw new Error(`invalid grader name "${spec.name}": use at most 64 letters, digits, _ and -`)
  }
  const range = spec.range ?? [0, 1]
  if (!(Number.isFinite(range[0]) && Number.isFinite(range[1]) && range[0] < range[1])) {
    throw new Error(
      `the grader "${spec.name}" has the invalid range [${range.join(', ')}]; use two finite numbers, the lower one first`,
    )
  }
  checkTimeout('grader', spec)
  const sandboxes = spec.sandboxes ?? []
  checkSandboxNames(`the grader "${spec.name}"`, sandboxes, environment)
  const settings = reader.accessor(read)
  return {
    name: spec.name,
    version: spec.version,
    range,
    timeoutSeconds: spec.timeoutSeconds,
    sandboxes,
    sandboxPlans: planSandboxes(environment.sandboxes ?? {}, items).filter(({ name }) =>
      sandboxes.some((named) => named === name),
    ),
    ...(reader.variables.length > 0 && {
      withSettings: (given: ReadSettings) => makeGrader(environment, items, spec, reader, given),
    }),
    open(item, itemHash) {
      const task = items.task(item, itemHash)
      if (!task.fits) return task
      const reference = items.reference(item, itemHash)
      if (!reference.fits) return reference
      return {
        fits: true,
        run: async ({ stored, ...context }) => {
          const state = parseState(environment, stored)
          const parsed = { task: task.value, reference: reference.value, state, settings: settings() }
          const named = namedSandboxes(sandboxes, context.sandboxes)
          const grade = await spec.grade({ ...context, ...parsed, sandboxes: named })
          return typeof grade === 'object' && grade !== null ? grade : { score: grade }
        },
      }
    },
  }
}
