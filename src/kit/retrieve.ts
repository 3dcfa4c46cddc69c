import type { Db, Embed, NoSettings } from './environment.ts'
import type { SettingsReader } from './settings.ts'

/** A document that a search found. */
export interface FoundDocument {
  readonly title?: string
  readonly text: string
  /** How well it fits the query; higher is better. */
  readonly score: number
}

/** The context of the environment's `retrieve`. */
export interface RetrieveContext<Settings = NoSettings> {
  readonly query: string
  /** How many documents to return at most. */
  readonly limit: number
  readonly db: Db
  /** Embeds texts; undefined unless an embeddings endpoint is configured. */
  readonly embed: Embed | undefined
  readonly settings: Settings
  /** Aborted when the search takes too long; pass it on. */
  readonly signal: AbortSignal
}

/** The environment's search as the server runs it, see {@link EnvironmentSpec.retrieve}. */
export type RetrieveHook = (context: Omit<RetrieveContext, 'settings'>) => Promise<readonly FoundDocument[]>

/** Gives an environment's search its settings, and its results the order and number that the caller asked for. */
export function makeRetrieve<Settings>(
  retrieve: (context: RetrieveContext<Settings>) => readonly FoundDocument[] | Promise<readonly FoundDocument[]>,
  settings: ReturnType<SettingsReader<Settings>['accessor']>,
): RetrieveHook {
  return async (context) => {
    const found = await retrieve({ ...context, settings: settings() })
    const odd = found.find(({ score }) => !Number.isFinite(score))
    if (odd !== undefined) throw new TypeError(`retrieve gave a document the score ${odd.score}, which is not a number`)
    return found.toSorted((one, other) => other.score - one.score).slice(0, context.limit)
  }
}
