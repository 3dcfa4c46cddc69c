const bits = [
  ...['1', '1,', '-', '(', '$', ' ', '\n', '**', '1 ', 'million ', '\\n', '```', '⁰', '½', '\\frac{', '\\boxed{'],
  ...['\u200b', '/', './', 'A.', "'", 'é', '😀', '\u0301', '\ufdfa', '%', '_'],
]
/** Texts of two hundred thousand characters, each one bit again and again: quadratic work on them takes minutes. */
export const longTexts: readonly string[] = bits.map((bit) => bit.repeat(Math.floor(200_000 / bit.length)))
