import { z } from 'zod'

/** The sizes of the bodies that a bench sends and gets, in bytes. */
export interface BodySizes {
  readonly itemBytes: number
  readonly outputBytes: number
}

/** What a real dataset row and a real tool's output have. */
export const realSizes: BodySizes = { itemBytes: 5_000, outputBytes: 4_000 }

/** The options of a bench for the sizes of its bodies, for `parseArgs`. */
export const sizeOptions = {
  item: { type: 'string', default: String(realSizes.itemBytes) },
  output: { type: 'string', default: String(realSizes.outputBytes) },
} as const

/** How the options are written in the usage of a bench. */
export const sizeUsage = '[--item BYTES] [--output BYTES]'

const bytes = z.coerce.number().int().nonnegative()

/** Reads the sizes from the values of {@link sizeOptions}; 0 is the least that is possible. */
export function readSizes(values: { readonly item: string; readonly output: string }): BodySizes {
  return { itemBytes: bytes.parse(values.item), outputBytes: bytes.parse(values.output) }
}

/** The sizes for a person. */
export function describeSizes({ itemBytes, outputBytes }: BodySizes): string {
  return `items of ${itemBytes > 0 ? `${itemBytes} bytes` : 'a question alone'}, outputs of ${outputBytes > 0 ? `${outputBytes} bytes` : 'a few bytes'}`
}
