/** How many times as many cases the fuzz tests generate in `npm run test:long`. */
const longFactor = Number(process.env['FUZZ_FACTOR'] ?? 1)

/** How many generated cases a fuzz test tries: `usual` ones, in a long run more. */
export function runs(usual: number): number {
  return usual * longFactor
}

/** The cases of a slow test: the first `usual` ones, in a long run all of them. */
export function casesOf<Case>(cases: readonly Case[], usual: number): readonly Case[] {
  return longFactor > 1 ? cases : cases.slice(0, usual)
}

/** The size of a slow test: `usual`, in a long run `long`. */
export function sizeOf(usual: number, long: number): number {
  return longFactor > 1 ? long : usual
}
