/** Parses rules of the form `suffix>replacement`. The first rule whose suffix matches decides, even if it cannot apply. */
const rules = (text: string) =>
  text.split(' ').map((rule) => {
    const [suffix = '', replacement = ''] = rule.split('>')
    return { suffix, replacement }
  })

const irregularStems: ReadonlyMap<string, string> = new Map(
  rules(
    'sky>sky skies>sky dying>die lying>lie tying>tie news>news innings>inning inning>inning outings>outing ' +
      'outing>outing cannings>canning canning>canning howe>howe proceed>proceed exceed>exceed succeed>succeed',
  ).map((rule) => [rule.suffix, rule.replacement]),
)

const double = rules(
  'ational>ate tional>tion enci>ence anci>ance izer>ize bli>ble alli>al entli>ent eli>e ousli>ous ization>ize ' +
    'ation>ate ator>ate alism>al iveness>ive fulness>ful ousness>ous aliti>al iviti>ive biliti>ble fulli>ful',
)
const third = rules('icate>ic ative> alize>al iciti>ic ical>ic ful> ness>')
const fourth = rules(
  'al> ance> ence> er> ic> able> ible> ant> ement> ment> ent> ion> ou> ism> ate> iti> ous> ive> ize>',
)

/**
 * The stem of an English word in lower case, by Porter's algorithm with the extensions of NLTK's `PorterStemmer`: a list of
 * irregular words, y after a consonant becomes i, dies → die, -fully and -ally lose both endings.
 *
 * Source: M. F. Porter, "An algorithm for suffix stripping", 1980. The package `stemmer` implements the original algorithm:
 * it differs from NLTK for 276 of 17,308 words, and gives some related words different stems (cry and cries, careful and
 * carefully).
 *
 * Never throws; the result for other text is unspecified.
 *
 * @example stem('generously') // 'gener'
 */
export function stem(word: string): string {
  const irregular = irregularStems.get(word)
  if (irregular !== undefined) return irregular
  if (word.length <= 2) return word
  const base = withoutTense(withoutPlural(word))
  const turned = base.length > 2 && base.endsWith('y') && shape(base).at(-2) === 'c' ? `${base.slice(0, -1)}i` : base
  return withoutLast(withoutFourth(replace(withoutDouble(turned), third)))
}

function withoutPlural(word: string): string {
  if (word.endsWith('ies')) return word.slice(0, word.length === 4 ? -1 : -2)
  if (word.endsWith('sses')) return word.slice(0, -2)
  return word.endsWith('s') && !word.endsWith('ss') ? word.slice(0, -1) : word
}

function withoutTense(word: string): string {
  if (word.endsWith('ied')) return word.slice(0, word.length === 4 ? -1 : -2)
  if (word.endsWith('eed')) return measure(word.slice(0, -3)) > 0 ? word.slice(0, -1) : word
  const rest = word.endsWith('ed') ? word.slice(0, -2) : word.endsWith('ing') ? word.slice(0, -3) : ''
  if (!shape(rest).includes('v')) return word
  if (/(?:at|bl|iz)$/u.test(rest)) return `${rest}e`
  if (rest.at(-1) === rest.at(-2) && shape(rest).endsWith('c')) return /[lsz]$/u.test(rest) ? rest : rest.slice(0, -1)
  return measure(rest) === 1 && endsShort(rest) ? `${rest}e` : rest
}

function withoutDouble(word: string): string {
  // The stem of -ally may end in another suffix: conditionally, conditional, condition.
  if (word.endsWith('alli') && measure(word.slice(0, -4)) > 0) return withoutDouble(word.slice(0, -2))
  if (word.endsWith('logi')) return measure(word.slice(0, -3)) > 0 ? word.slice(0, -1) : word
  return replace(word, double)
}

function replace(word: string, list: typeof double): string {
  const rule = list.find(({ suffix }) => word.endsWith(suffix))
  if (rule === undefined) return word
  const rest = word.slice(0, -rule.suffix.length)
  return measure(rest) > 0 ? rest + rule.replacement : word
}

function withoutFourth(word: string): string {
  const rule = fourth.find(({ suffix }) => word.endsWith(suffix))
  if (rule === undefined) return word
  const rest = word.slice(0, -rule.suffix.length)
  return measure(rest) > 1 && (rule.suffix !== 'ion' || /[st]$/u.test(rest)) ? rest : word
}

function withoutLast(word: string): string {
  const rest = word.slice(0, -1)
  const silent = word.endsWith('e') && (measure(rest) > 1 || (measure(rest) === 1 && !endsShort(rest)))
  const base = silent ? rest : word
  return base.endsWith('ll') && measure(base.slice(0, -1)) > 1 ? base.slice(0, -1) : base
}

/** A c for each consonant and a v for each vowel; y is a vowel after a consonant. */
function shape(word: string): string {
  let vowel = true
  let letters = ''
  for (let at = 0; at < word.length; at += 1) {
    const letter = word.charAt(at)
    vowel = 'aeiou'.includes(letter) || (letter === 'y' && !vowel)
    letters += vowel ? 'v' : 'c'
  }
  return letters
}

/** The number of vowel-consonant sequences. */
function measure(word: string): number {
  return shape(word).split('vc').length - 1
}

/** Whether a word ends in a short syllable, such as hop, hil or at, which takes a silent e. */
function endsShort(word: string): boolean {
  return (/cvc$/u.test(shape(word)) && !/[wxy]$/u.test(word)) || shape(word) === 'vc'
}
