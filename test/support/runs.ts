/** How many times as much `npm run test:long` tries of what a fuzz test generates. */
export const longFactor = Number(process.env['FUZZ_FACTOR'] ?? 1)

/** How many generated cases a fuzz test tries, or how many milliseconds it may take: `usual` ones, in a long run more. */
export function runs(usual: number): number {
  return usual * longFactor
}
