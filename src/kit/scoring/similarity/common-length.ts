/** The number of bits per word that can be added with a carry without overflowing 32 bits. */
const bits = 30
const all = 2 ** bits - 1

/**
 * The length of the longest common subsequence of two lists; elements are equal as `Map` keys are.
 *
 * Source: Hyyrö, "Bit-parallel LCS-length computation revisited", 2004: 30 cells of the table at a time, without the common
 * prefix and suffix. Time grows with the product of the lengths (two lists of 30,000: about a tenth of a second), so the
 * caller must limit them.
 *
 * @example commonLength([...'brown'], [...'bear']) // 2
 */
export function commonLength<Element>(one: readonly Element[], other: readonly Element[]): number {
  const shortest = Math.min(one.length, other.length)
  let before = 0
  while (before < shortest && one[before] === other[before]) before += 1
  let after = 0
  while (after < shortest - before && one[one.length - 1 - after] === other[other.length - 1 - after]) after += 1
  const between = countCommon(one.slice(before, one.length - after), other.slice(before, other.length - after))
  return before + after + between
}

function countCommon<Element>(one: readonly Element[], other: readonly Element[]): number {
  if (one.length === 0 || other.length === 0) return 0
  const words = Math.ceil(one.length / bits)
  const masks = maskOf(one, words)
  // A bit of the row is 0 where the common subsequence grows.
  const row = new Int32Array(words).fill(all)
  for (const element of other) {
    const mask = masks(element)
    if (mask === undefined) continue
    let carry = 0
    for (let at = 0; at < words; at += 1) {
      const cells = row[at] ?? 0
      const both = cells & (mask[at] ?? 0)
      const sum = cells + both + carry
      carry = sum >>> bits
      row[at] = (sum & all) | (cells - both)
    }
  }
  let common = 0
  for (let at = 0; at < one.length; at += 1) {
    if (((row[Math.floor(at / bits)] ?? 0) & (1 << (at % bits))) === 0) common += 1
  }
  return common
}

/** The positions of an element in a list, as a bit mask. */
function maskOf<Element>(list: readonly Element[], words: number) {
  const places = new Map<Element, number[]>()
  for (const [at, element] of list.entries()) {
    const known = places.get(element)
    if (known === undefined) places.set(element, [at])
    else known.push(at)
  }
  const kept = new Map<Element, Int32Array>()
  const draw = (mask: Int32Array, at: readonly number[]) => {
    for (const place of at)
      mask[Math.floor(place / bits)] = (mask[Math.floor(place / bits)] ?? 0) | (1 << (place % bits))
    return mask
  }
  const scratch = new Int32Array(words)
  let drawn: readonly number[] = []
  return (element: Element): Int32Array | undefined => {
    const mine = places.get(element)
    if (mine === undefined) return undefined
    const known = kept.get(element)
    if (known !== undefined) return known
    if (16 * mine.length >= words) {
      // At most 480 elements are this frequent; caching masks for all elements would take quadratic memory.
      const mask = draw(new Int32Array(words), mine)
      kept.set(element, mask)
      return mask
    }
    for (const place of drawn) scratch[Math.floor(place / bits)] = 0
    drawn = mine
    return draw(scratch, mine)
  }
}
