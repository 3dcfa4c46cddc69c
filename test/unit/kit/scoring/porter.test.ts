import fc from 'fast-check'
import { expect, it } from 'vitest'
import { stem } from '../../../../src/kit/scoring/similarity/porter.ts'

/** word>stem, from NLTK 3.10.3's `PorterStemmer().stem`. */
const golden = `
  dying>die lying>lie tying>tie skies>sky sky>sky news>news innings>inning howe>howe proceed>proceed flies>fli
  dies>die ties>tie died>die tied>tie spied>spi says>say enjoyed>enjoy happily>happili generously>gener
  carefully>care conditionally>condit day>day days>day cry>cri cries>cri crying>cri buy>buy relational>relat
  rational>ration hopping>hop hoping>hope falling>fall hissing>hiss fizzed>fizz filing>file troubled>troubl
  sized>size agreed>agre feed>feed bled>bled sing>sing motoring>motor biology>biolog psychological>psycholog
  adoption>adopt communism>commun probate>probat rate>rate cease>ceas controll>control roll>roll at>at ed>ed
  ing>ing oed>o é>é naïve>naïv 2014's>2014' possibly>possibl canning>canning exceed>exceed exercitation>exercit
  sanitized>sanit redefine>redefin connectivity>connect lazycorpusloader>lazycorpusload
  semcorcorpusreader>semcorcorpusread passing>pass sometimes>sometim retweeted>retweet
  binarymaxentfeatureencoding>binarymaxentfeatureencod sensitive>sensit adjustment>adjust parameterize>parameter
  finalized>final refused>refus exchange>exchang disambiguated>disambigu understanding>understand
  parenthases>parenthas reconstructable>reconstruct refname>refnam pbkggjy>pbkggji
  mappingproxytype>mappingproxytyp stomped>stomp credsfromfile>credsfromfil evoking>evok
  stanfordsegmenter>stanfordsegment crubadancorpusreader>crubadancorpusread publisher>publish
  lusbyframe>lusbyfram valenci>valenc advantages>advantag tailing>tail bigramassocmeasures>bigramassocmeasur
  decisiontable>decisiont wordnetlemmatizer>wordnetlemmat safehttpsconnection>safehttpsconnect aspects>aspect
  hinting>hint annotation>annot fractional>fraction partially>partial scanned>scan unexpansion>unexpans
  longstanding>longstand unchunkrule>unchunkrul narrower>narrow manchester>manchest unpickles>unpickl
  restructuring>restructur numerator>numer constituent>constitu labeler>label chunkscore>chunkscor
  applicable>applic consumer>consum potential>potenti encloses>enclos filetype>filetyp talking>talk
`

it('stems agree with NLTK', () => {
  const pairs = golden
    .trim()
    .split(/\s+/u)
    .map((line) => line.split('>'))
  expect(pairs.map(([word = '']) => [word, stem(word)])).toEqual(pairs)
})

it('any text has a stem, including long ones', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (word) => {
      expect(typeof stem(word)).toBe('string')
    }),
  )
  const parts = fc.constantFrom('alli', 'ation', 'ing', 'ed', 'y', 's', 'e', 'l', 'b', 'o')
  fc.assert(
    fc.property(fc.array(parts, { maxLength: 8 }), (suffixes) => {
      expect(stem(suffixes.join('')).length).toBeLessThanOrEqual(suffixes.join('').length + 1)
    }),
  )
  expect(stem('alli'.repeat(50_000)).length).toBeGreaterThan(100_000)
})
