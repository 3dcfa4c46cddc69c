/** What one object, array or field takes in memory, in bytes, roughly. */
const cellBytes = 16

/**
 * Freezes the plain objects and arrays of a value, at any depth, and returns roughly how many bytes the value takes.
 * Returns undefined if part of it is something else that can change, such as a `Date`, a `Map` or a function: that part
 * stays as it is.
 *
 * @example deepFreeze({ lines: [{ id: 1 }] }) // 80
 */
export function deepFreeze(value: unknown): number | undefined {
  const seen = new Set<object>()
  const pending: unknown[] = [value]
  let bytes = 0
  let isPlain = true
  while (pending.length > 0) {
    const one = pending.pop()
    bytes += cellBytes
    if (typeof one === 'string') bytes += one.length
    if (typeof one === 'function') isPlain = false
    if (typeof one !== 'object' || one === null || seen.has(one)) continue
    seen.add(one)
    if (!Array.isArray(one) && !isRecord(one)) {
      isPlain = false
      continue
    }
    Object.freeze(one)
    const inner: readonly unknown[] = Array.isArray(one) ? one : Object.values(one)
    for (const each of inner) pending.push(each)
    if (inner !== one) bytes += inner.length * cellBytes
  }
  return isPlain ? bytes : undefined
}

/** Whether an object is a plain one, as JSON has them. */
function isRecord(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}
