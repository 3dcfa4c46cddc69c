/** The factor by which `npm run test:long` multiplies the cases of a fuzz test. */
export const longFactor = Number(process.env['FUZZ_FACTOR'] ?? 1)

/** The cases that a fuzz test tries, or the milliseconds that it may take: `usual`, or more in a long run. */
export function runs(usual: number): number {
  return usual * longFactor
}
