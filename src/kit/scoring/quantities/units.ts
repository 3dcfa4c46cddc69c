/** What stands around a number and says how to read it. Currencies are named by their ISO 4217 code. */
export interface Unit {
  /** A currency's code, `percent`, `ratio` (a multiple, as in 1.5x), or nothing for a bare magnitude. */
  name?: string
  /** The power of ten that the unit stands for: -2 for percent, -4 for basis points, -2 for cents. */
  power?: number
  /** The power of ten of a magnitude word such as thousand (3) or bn (9). */
  magnitude?: number
}

const table = (entries: Readonly<Record<string, Unit>>): ReadonlyMap<string, Unit> =>
  new Map(Object.entries(entries).flatMap(([words, unit]) => words.split('|').map((word) => [word, unit])))

/** Units written before a number. Two tokens are joined by a space. */
export const PREFIXES = table({
  '$|us $|usd|usd $': { name: 'USD' },
  'c $|ca $|cad|cad $': { name: 'CAD' },
  'a $|au $|aud|aud $': { name: 'AUD' },
  'nz $|nzd': { name: 'NZD' },
  'hk $|hkd': { name: 'HKD' },
  's $|sgd': { name: 'SGD' },
  'r $|brl': { name: 'BRL' },
  '€|eur': { name: 'EUR' },
  '£|gbp': { name: 'GBP' },
  '¥|jpy': { name: 'JPY' },
  'cny|rmb': { name: 'CNY' },
  '₹|inr|rs': { name: 'INR' },
  '₩|krw': { name: 'KRW' },
  chf: { name: 'CHF' },
  sek: { name: 'SEK' },
  mxn: { name: 'MXN' },
})

/** Units written after a number. Two tokens are joined by a space. */
export const SUFFIXES = table({
  'k|thousand|thousands': { magnitude: 3 },
  'm|mm|mn|mln|mil|mio|million|millions': { magnitude: 6 },
  'b|bn|bln|billion|billions': { magnitude: 9 },
  't|tn|trn|trillion|trillions': { magnitude: 12 },
  'hundred|hundreds': { magnitude: 2 },
  'lakh|lakhs': { magnitude: 5 },
  'crore|crores': { magnitude: 7 },
  '%|percent|pct|per cent|percentage point|percentage points|pp|ppt|ppts': { name: 'percent', power: -2 },
  '‰': { name: 'percent', power: -3 },
  'bp|bps|basis point|basis points': { name: 'percent', power: -4 },
  'x|×': { name: 'ratio' },
  '$|usd|dollar|dollars|us dollar|us dollars': { name: 'USD' },
  'cent|cents|¢': { name: 'USD', power: -2 },
  'cad|canadian dollars': { name: 'CAD' },
  'aud|australian dollars': { name: 'AUD' },
  '€|eur|euro|euros': { name: 'EUR' },
  '£|gbp|pound|pounds': { name: 'GBP' },
  '¥|jpy|yen': { name: 'JPY' },
  'cny|rmb|yuan': { name: 'CNY' },
  '₹|inr|rupee|rupees': { name: 'INR' },
  krw: { name: 'KRW' },
  'chf|francs|swiss francs': { name: 'CHF' },
  nzd: { name: 'NZD' },
  hkd: { name: 'HKD' },
  sgd: { name: 'SGD' },
  brl: { name: 'BRL' },
  sek: { name: 'SEK' },
  mxn: { name: 'MXN' },
})
