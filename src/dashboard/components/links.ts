/** A rollout as its trainer knows it. */
export interface NamedRollout {
  readonly run: string
  /** The trainer's id. */
  readonly rollout: string
  /** Which use of the id; by default the latest. */
  readonly attempt?: number | undefined
}

/**
 * The address of a rollout's page by the trainer's id, for what knows no number: reports, logs, trainers.
 *
 * @param server the address of the server; what follows its host is ignored
 * @example rolloutAddress('https://tools.example.com', { run: 'exp-7', rollout: 'trace_1' })
 */
export function rolloutAddress(server: string, { run, rollout, attempt }: NamedRollout): string {
  const address = new URL(`/dashboard/runs/${encodeURIComponent(run)}/rollout`, server)
  address.searchParams.set('id', rollout)
  if (attempt !== undefined) address.searchParams.set('attempt', String(attempt))
  return address.href
}

/** The address of a run's page. */
export const runAddress = (server: string, run: string): string =>
  new URL(`/dashboard/runs/${encodeURIComponent(run)}`, server).href
