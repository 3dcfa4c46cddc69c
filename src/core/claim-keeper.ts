import type { Log } from '../base/log.ts'
import type { Ledger } from '../ledger/ledger.ts'

/** Keeps the leases of this process's claims. */
export interface ClaimKeeper {
  /** How long a claim holds without renewal, in seconds. */
  readonly leaseSeconds: number
  /** Renews a claim from now on; calls `lost` once if it was taken over. Returns the function that ends the renewal. */
  hold(token: string, lost: () => void): () => void
}

/** Renews all claims that are held, in one statement, three times per lease; without claims it does nothing. */
export function createClaimKeeper(ledger: Pick<Ledger, 'renew'>, log: Log, leaseSeconds: number): ClaimKeeper {
  const held = new Map<string, () => void>()
  let timer: NodeJS.Timeout | undefined

  const renew = async (): Promise<void> => {
    const tokens = [...held.keys()]
    try {
      const holding = await ledger.renew(tokens, leaseSeconds)
      for (const token of tokens) if (!holding.has(token)) held.get(token)?.()
    } catch (cause) {
      // The lease still holds until it runs out; the next renewal may come in time.
      log.warn({ code: 'lease_not_renewed', claims: tokens.length, cause }, 'leases could not be renewed')
    }
  }

  return {
    leaseSeconds,
    hold(token, lost) {
      held.set(token, lost)
      timer ??= setInterval(() => void renew(), (leaseSeconds * 1000) / 3).unref()
      return () => {
        held.delete(token)
        if (held.size > 0) return
        clearInterval(timer)
        timer = undefined
      }
    },
  }
}
