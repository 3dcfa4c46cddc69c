import type { Log } from '../../base/log.ts'
import type { Ledger } from '../../ledger/ledger.ts'

/** Keeps the leases of this process's claims. */
export interface ClaimKeeper {
  /** How long a claim holds without renewal, in seconds. */
  readonly leaseSeconds: number
  /** Renews a claim of a run from now on; calls `lost` once if it was taken over. Returns the function that ends the renewal. */
  hold(claim: { readonly run: string; readonly token: string }, lost: () => void): () => void
}

/** Renews all claims that are held, in one statement for each run, three times per lease; without claims it does nothing. */
export function createClaimKeeper(ledger: Pick<Ledger, 'renew'>, log: Log, leaseSeconds: number): ClaimKeeper {
  /** By run, then by token. */
  const held = new Map<string, Map<string, () => void>>()
  let timer: NodeJS.Timeout | undefined

  const renew = async (run: string, claims: ReadonlyMap<string, () => void>): Promise<void> => {
    const tokens = [...claims.keys()]
    try {
      const holding = await ledger.renew(run, tokens, leaseSeconds)
      for (const token of tokens) if (!holding.has(token)) claims.get(token)?.()
    } catch (cause) {
      // The lease still holds until it runs out; the next renewal may come in time.
      log.warn({ code: 'lease_not_renewed', claims: tokens.length, cause }, 'leases could not be renewed')
    }
  }

  return {
    leaseSeconds,
    hold({ run, token }, lost) {
      const claims = held.get(run) ?? new Map<string, () => void>()
      held.set(run, claims.set(token, lost))
      const renewAll = () => {
        for (const [of, some] of held) void renew(of, some)
      }
      timer ??= setInterval(renewAll, (leaseSeconds * 1000) / 3).unref()
      return () => {
        claims.delete(token)
        if (claims.size === 0) held.delete(run)
        if (held.size > 0) return
        clearInterval(timer)
        timer = undefined
      }
    },
  }
}
