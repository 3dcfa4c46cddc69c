/** What runs in this process, so that the same thing asked for twice at once is done once. */
export interface UnderWay<Result> {
  /** Joins the work of this key if it runs, else starts it; `group` is counted as busy meanwhile. */
  join(
    key: string,
    group: string,
    start: () => Promise<Result>,
  ): { readonly joined: boolean; readonly result: Promise<Result> }
  isBusy(group: string): boolean
}

/** Makes an empty {@link UnderWay}. */
export function createUnderWay<Result>(): UnderWay<Result> {
  const running = new Map<string, Promise<Result>>()
  const busy = new Map<string, number>()
  return {
    isBusy: (group) => busy.has(group),
    join(key, group, start) {
      const earlier = running.get(key)
      if (earlier !== undefined) return { joined: true, result: earlier }
      const result = start()
      running.set(key, result)
      busy.set(group, (busy.get(group) ?? 0) + 1)
      const over = () => {
        running.delete(key)
        const left = (busy.get(group) ?? 1) - 1
        if (left > 0) busy.set(group, left)
        else busy.delete(group)
      }
      result.then(over, over)
      return { joined: false, result }
    },
  }
}
