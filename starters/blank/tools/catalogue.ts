/** The articles that can be looked up, with their prices. A real tool would ask a database or a service instead. */
export const catalogue: ReadonlyMap<string, number> = new Map([
  ['lamp', 34.5],
  ['kettle', 28.9],
  ['rug', 119],
  ['shelf', 64.25],
  ['stool', 41.75],
  ['mirror', 87.4],
  ['clock', 22.6],
  ['vase', 15.35],
  ['basket', 12.8],
  ['blanket', 53.15],
])
