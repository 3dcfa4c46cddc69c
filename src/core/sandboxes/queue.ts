import type { SandboxStatus } from '../../ledger/sandboxes.ts'
import type { SandboxServices } from './services.ts'

/** The requests of this process that wait for a place, or open their sandbox. */
export interface SandboxQueue {
  /** Keeps a claim from now on. Returns the functions to wait with, and to stop keeping it. */
  hold(token: string): {
    /** Resolves with whether the claim got a place in time, or until the server stops; `taken` if another process has taken it over. */
    granted(seconds: number): Promise<'granted' | 'late' | 'taken'>
    release(): void
  }
  /** Looks for free places now, because one may have become free. */
  kick(): void
}

/** How often the places are looked at while a request waits, and while one only keeps its claim, in milliseconds. */
const waitingMs = 150

/** Asks for places, and renews claims, for all requests of this process in one transaction. */
export function createSandboxQueue({
  ledger,
  caps,
  times,
  log,
  stopping,
}: Pick<SandboxServices, 'ledger' | 'caps' | 'times' | 'log' | 'stopping'>): SandboxQueue {
  interface Held {
    status: SandboxStatus | 'taken' | undefined
    wake: (() => void) | undefined
  }
  const held = new Map<string, Held>()
  let timer: NodeJS.Timeout | undefined
  let turning = false
  let again = false

  const turn = async (): Promise<void> => {
    const tokens = [...held.keys()]
    if (tokens.length === 0) return
    try {
      const found = await ledger.turn(tokens, caps, times.lease)
      for (const token of tokens) {
        const one = held.get(token)
        if (one === undefined) continue
        one.status = found.get(token) ?? 'taken'
        if (one.status !== 'requested') one.wake?.()
      }
    } catch (cause) {
      // The claims hold until their leases run out; the next turn may come in time.
      log.warn(
        { code: 'sandbox_turn_failed', requests: tokens.length, cause },
        'places for sandboxes could not be asked for',
      )
    }
  }
  /** The earlier of two times for the next turn holds. */
  const schedule = (ms: number) => {
    if (turning || timer !== undefined) return
    timer = setTimeout(next, ms)
    timer.unref()
  }
  const next = () => {
    if (turning) {
      again = true
      return
    }
    clearTimeout(timer)
    timer = undefined
    if (held.size === 0) return
    turning = true
    again = false
    void turn().finally(() => {
      turning = false
      if (held.size === 0) return
      const isWaiting = [...held.values()].some(({ wake }) => wake !== undefined)
      const pause = isWaiting ? waitingMs : (times.lease * 1000) / 3
      schedule(again ? 5 : pause)
    })
  }

  const wakeAll = () => {
    for (const { wake } of held.values()) wake?.()
  }
  stopping.addEventListener('abort', wakeAll, { once: true })

  return {
    hold(token) {
      const one: Held = { status: undefined, wake: undefined }
      held.set(token, one)
      schedule((times.lease * 1000) / 3)
      return {
        async granted(seconds) {
          await new Promise<void>((resolve) => {
            const late = setTimeout(resolve, seconds * 1000)
            one.wake = () => {
              clearTimeout(late)
              resolve()
            }
            if (stopping.aborted) one.wake()
            else next()
          })
          one.wake = undefined
          if (one.status === 'taken') return 'taken'
          return one.status === undefined || one.status === 'requested' ? 'late' : 'granted'
        },
        release() {
          held.delete(token)
        },
      }
    },
    kick: next,
  }
}
