/** When the next of several requests to one place may be sent. */
export interface Pace {
  /**
   * Takes the next free moment for a request to `place`, where so many a second are allowed, and gives how long it is
   * until then, in milliseconds. Where that is longer than `mostMs`, none is taken, and the answer is undefined.
   */
  take(place: string, perSecond: number, mostMs: number): number | undefined
}

/** Above so many places, those are forgotten that nobody was sent to for a minute. */
const mostPlaces = 1_000

/** Makes a pace for any number of places: requests to one place are spread evenly, and none is saved up. */
export function createPace(now: () => number): Pace {
  const lastMoments = new Map<string, number>()
  const forgetPast = (present: number) => {
    for (const [place, moment] of lastMoments) {
      if (moment < present - 60_000) lastMoments.delete(place)
    }
  }
  return {
    take: (place, perSecond, mostMs) => {
      const present = now()
      const moment = Math.max(present, (lastMoments.get(place) ?? Number.NEGATIVE_INFINITY) + 1000 / perSecond)
      if (moment - present > mostMs) return undefined
      if (lastMoments.size >= mostPlaces) forgetPast(present)
      lastMoments.set(place, moment)
      return moment - present
    },
  }
}
