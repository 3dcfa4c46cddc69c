/** What was kept last, by key. */
export interface Recent<Value> {
  /** The value, which becomes the one used last. */
  get(key: string): Value | undefined
  keep(key: string, value: Value): void
}

/**
 * Keeps values as long as they fit into `mostBytes`; those whose last use is longest ago go first. A value that is larger
 * than an eighth of it is not kept.
 *
 * @param bytesOf how much a value takes, its key not counted
 */
export function createRecent<Value>(mostBytes: number, bytesOf: (value: Value) => number): Recent<Value> {
  // A map gives its keys in the order of their setting.
  const kept = new Map<string, { readonly value: Value; readonly bytes: number }>()
  let bytes = 0

  const drop = (key: string) => {
    bytes -= kept.get(key)?.bytes ?? 0
    kept.delete(key)
  }

  return {
    get(key) {
      const found = kept.get(key)
      if (found === undefined) return undefined
      kept.delete(key)
      kept.set(key, found)
      return found.value
    },
    keep(key, value) {
      drop(key)
      const size = bytesOf(value) + 2 * key.length
      if (size > mostBytes / 8) return
      kept.set(key, { value, bytes: size })
      bytes += size
      for (const oldest of kept.keys()) {
        if (bytes <= mostBytes) return
        drop(oldest)
      }
    },
  }
}
