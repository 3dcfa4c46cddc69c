import type { BeginContext, EndContext, EnvironmentSpec } from './environment.ts'
import { ItemError, RequestError } from './errors.ts'
import type { ItemReader } from './item-reader.ts'
import { makeRetrieve, type RetrieveHook } from './retrieve.ts'
import type { ReadSettings, SettingsReader } from './settings.ts'

/** The hooks of an environment as the server runs them; undefined where the environment has none. */
export interface Hooks {
  /**
   * Parses the item and seeds the rollout's rows. Throws a `RequestError` with status 422 for an item that does not fit the
   * environment or that the hook refuses, and whatever else the hook throws.
   */
  readonly begin?: (
    context: Pick<BeginContext<never, never>, 'tx' | 'rollout'> & {
      readonly item: unknown
      readonly itemHash?: string
    },
  ) => Promise<void>
  /** Releases what the rollout holds. Throws what the hook throws. */
  readonly end?: (context: Omit<EndContext, 'settings'>) => Promise<void>
  /** Searches for documents. Throws what the hook throws. */
  readonly retrieve?: RetrieveHook
}

/** Makes the hooks of an environment; called by {@link Environment.hooks}. */
export function makeHooks<Task, Reference, State, Settings>(
  environment: EnvironmentSpec<Task, Reference, State, Settings>,
  items: ItemReader<Task, Reference>,
  reader: SettingsReader<Settings>,
  read?: ReadSettings,
): Hooks {
  const settings = reader.accessor(read)
  const { begin, end, retrieve } = environment
  return {
    ...(begin && {
      async begin({ tx, rollout, item, itemHash }) {
        const task = items.task(item, itemHash)
        if (!task.fits) throw misfit(task.message)
        const reference = items.reference(item, itemHash)
        if (!reference.fits) throw misfit(reference.message)
        try {
          await begin({ tx, rollout, task: task.value, reference: reference.value, settings: settings() })
        } catch (error) {
          if (error instanceof ItemError) throw new RequestError(422, 'item_refused', error.message)
          throw error
        }
      },
    }),
    ...(end && {
      async end(context) {
        await end({ ...context, settings: settings() })
      },
    }),
    ...(retrieve && { retrieve: makeRetrieve(retrieve, settings) }),
  }
}

function misfit(message: string): RequestError {
  return new RequestError(422, 'item_misfit', `the item does not fit the environment: ${message}`)
}
