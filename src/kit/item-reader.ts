import { LRUCache } from 'lru-cache'
import type { z } from 'zod'
import { deepFreeze } from '../base/freeze.ts'
import { describeIssues, hidingValues } from '../base/issues.ts'

/** A part of an item as the environment's schema parsed it; or why the item is invalid, on one line, without its values. */
export type ReadPart<Part> =
  | { readonly fits: true; readonly value: Part }
  | { readonly fits: false; readonly message: string }

/** Parses items for all tools, graders and hooks of an environment. */
export interface ItemReader<Task, Reference> {
  /** The part that tools may see, frozen. With the item's hash it is parsed once, however often the item arrives. */
  task(item: unknown, itemHash?: string): ReadPart<Task>
  /** The same for the part that only graders see. */
  reference(item: unknown, itemHash?: string): ReadPart<Reference>
}

/** How much memory the remembered parts may take, in bytes, roughly; a larger one than a sixteenth is parsed every time. */
const maxBytes = 33_554_432

/** Creates the reader of an environment's items. */
export function createItemReader<Task, Reference>(environment: {
  readonly task: z.ZodType<Task>
  readonly reference: z.ZodType<Reference>
}): ItemReader<Task, Reference> {
  return { task: partReader(environment.task), reference: partReader(environment.reference) }
}

/**
 * A part is frozen, whether it is remembered or not, because calls share it: a tool that changes it would change the task of
 * later calls. One that holds more than plain objects and arrays cannot be frozen completely, and is not remembered.
 */
function partReader<Part>(schema: z.ZodType<Part>): (item: unknown, itemHash?: string) => ReadPart<Part> {
  const remembered = new LRUCache<string, { readonly fits: true; readonly value: Part }>({
    maxSize: maxBytes,
    maxEntrySize: maxBytes / 16,
  })
  return (item, itemHash) => {
    const known = itemHash === undefined ? undefined : remembered.get(itemHash)
    if (known !== undefined) return known
    const read = schema.safeParse(item, hidingValues)
    if (!read.success) return { fits: false, message: describeIssues(read.error, 'item') }
    const bytes = deepFreeze(read.data)
    const part = { fits: true, value: read.data } as const
    if (itemHash !== undefined && bytes !== undefined) remembered.set(itemHash, part, { size: bytes })
    return part
  }
}
