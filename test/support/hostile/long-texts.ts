const bits = [
  ...['1', '1,', '-', '(', '$', ' ', '\n', '**', '1 ', 'million ', '\\n', '```', '⁰', '½', '\\frac{', '\\boxed{'],
  ...['\u200b', '/', './', 'A.', "'", 'é', '😀', '\u0301', '\ufdfa', '%', '_'],
]
/** Texts of 200,000 characters, each a repeated fragment: quadratic work on them takes minutes. */
export const longTexts: readonly string[] = bits.map((bit) => bit.repeat(Math.floor(200_000 / bit.length)))
