import type { Wire } from './wire.ts'

/** The wires beside Agent RFT, each under its prefix. */
export const wires: readonly Wire[] = []
