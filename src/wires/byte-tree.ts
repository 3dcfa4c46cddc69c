import { byteAt, type Chunks, continuesWith } from './chunks.ts'

/** Finds byte strings of unknown length inside longer ones. */
export interface ByteTree<Value> {
  /** The value of the key that the body continues with at `start`; undefined if it continues with none. */
  find(body: Chunks, start: number): Value | undefined
  /** Adds a key that is not there yet. No key may be the beginning of another one. */
  add(key: Buffer, value: Value): void
  remove(key: Buffer): void
}

interface Leaf<Value> {
  readonly key: Buffer
  readonly value: Value
}

/** Two groups of keys that are equal up to one bit of one byte. */
interface Fork<Value> {
  readonly at: number
  /** The byte with this bit alone. */
  readonly bit: number
  zero: Node<Value>
  one: Node<Value>
}

type Node<Value> = Leaf<Value> | Fork<Value>

/**
 * Creates an empty tree. It is a crit-bit tree: a fork looks at one bit, at which its keys differ, so that a search reads a
 * few bytes, arrives at the only key that can match, and compares that one as a whole. So the time of a search depends
 * little on the length of the keys, and not at all on how long they are equal.
 */
export function createByteTree<Value>(): ByteTree<Value> {
  let root: Node<Value> | undefined

  /** The only key that can be equal to the bytes from `start` on. */
  const nearest = (body: Chunks, start: number): Leaf<Value> | undefined => {
    let node = root
    while (node !== undefined && 'bit' in node) node = isOne(node, body, start) ? node.one : node.zero
    return node
  }

  /** Replaces the node that the search for `key` passes: the first one of which `isIt` holds. */
  const replace = (key: Buffer, isIt: (node: Node<Value>) => boolean, by: (node: Node<Value>) => Node<Value>): void => {
    const bytes = [key]
    let parent: Fork<Value> | undefined
    let node = root
    while (node !== undefined && !isIt(node) && 'bit' in node) {
      parent = node
      node = isOne(node, bytes, 0) ? node.one : node.zero
    }
    if (node === undefined) return
    if (parent === undefined) root = by(node)
    else if (isOne(parent, bytes, 0)) parent.one = by(node)
    else parent.zero = by(node)
  }

  return {
    find(body, start) {
      const leaf = nearest(body, start)
      return leaf !== undefined && continuesWith(body, start, leaf.key) ? leaf.value : undefined
    },
    add(key, value) {
      const leaf: Leaf<Value> = { key, value }
      const other = nearest([key], 0)
      if (other === undefined) {
        root = leaf
        return
      }
      let at = 0
      while (at < key.length && key[at] === other.key[at]) at += 1
      const difference = (key[at] ?? 0) ^ (other.key[at] ?? 0)
      if (difference === 0) throw new Error('a key is there already, or is the beginning of another one')
      const bit = 1 << (31 - Math.clz32(difference))
      const fork = (node: Node<Value>): Fork<Value> =>
        isOne({ at, bit }, [key], 0) ? { at, bit, zero: node, one: leaf } : { at, bit, zero: leaf, one: node }
      // Further down are forks at later bits alone.
      const isBelow = (node: Node<Value>) => !('bit' in node) || node.at > at || (node.at === at && node.bit < bit)
      replace(key, isBelow, fork)
    },
    remove(key) {
      const leaf = nearest([key], 0)
      if (leaf === undefined || !leaf.key.equals(key)) return
      if (leaf === root) {
        root = undefined
        return
      }
      const isParent = (node: Node<Value>) => 'bit' in node && (node.one === leaf || node.zero === leaf)
      replace(key, isParent, (node) =>
        'bit' in node && node.one === leaf ? node.zero : 'bit' in node ? node.one : node,
      )
    },
  }
}

function isOne({ at, bit }: { readonly at: number; readonly bit: number }, body: Chunks, start: number): boolean {
  return ((byteAt(body, start + at) ?? 0) & bit) !== 0
}
