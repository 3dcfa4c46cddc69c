/** Whether two windows of time, each from its start until just before its end, have a moment in common. */
export function overlaps(one, other) {
  return one.start <= other.end && other.start <= one.end
}
