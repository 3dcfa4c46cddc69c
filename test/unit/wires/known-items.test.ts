import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { contentHash, parseJson } from '../../../src/base/json.ts'
import { createKnownItems } from '../../../src/wires/known-items.ts'
import { runs } from '../../support/runs.ts'

/** The items that are known, as their senders wrote them. */
const items = [
  '{"question":"how much?","answer":"94"}',
  '{"question":"how much?","answer":"95"}',
  '{ "a" : [1, {"item": {"b": null}}], "c": "\\"item\\":{}" }',
  '{"id":12345678901234567890,"text":"\\u0000 and \\ud800, caf\u00e9 \u{1f600}"}',
  '{"item":{"question":"how much?","answer":"94"}}',
  '{"a":1,"a":2,"__proto__":{"x":1}}',
  '{"brace":"}{","quote":"\\\\\\""}',
  '{}',
]

/** Knows all of the items, and that alone. */
function knowing() {
  const known = createKnownItems()
  for (const text of items) {
    const item = parseJson(text)
    known.keep(Buffer.from(`{"item":${text}}`), { item, hash: contentHash(item) })
  }
  return known
}

/** The body and the item's hash on the ordinary way, or that it is invalid. */
function ordinary(body: Buffer): unknown {
  try {
    const text = body.toString()
    const value = parseJson(text.startsWith('\ufeff') ? text.slice(1) : text)
    const item = typeof value === 'object' && value !== null && 'item' in value ? value.item : undefined
    return { value, hash: contentHash(item) }
  } catch {
    return 'invalid'
  }
}

/** A body as it may arrive. */
const chunksOf = (body: Buffer, chunkBytes: number) =>
  Array.from({ length: Math.ceil(body.length / chunkBytes) }, (_, n) =>
    body.subarray(n * chunkBytes, (n + 1) * chunkBytes),
  )

const chunkBytes = fc.integer({ min: 1, max: 60 })

/** The same with a known item; undefined where all of the body must be parsed. */
function recognized(known: ReturnType<typeof createKnownItems>, body: Buffer, chunkBytes = body.length): unknown {
  const chunks = chunksOf(body, chunkBytes)
  const found = known.find(chunks)
  const value = found && known.parse(chunks, found)
  return found && value === undefined ? undefined : found && { value, hash: found.hash }
}

const piece = fc.oneof(
  fc.constantFrom(...items),
  fc.constantFrom(
    '"item":',
    '"item" \n:\t',
    '"\\u0069tem":',
    '{"item":',
    '"arguments":',
    '"arguments":{"item":',
    '"x":"',
    '\\',
  ),
  fc.constantFrom(
    '{',
    '}',
    '[',
    ']',
    ',',
    '"',
    ':',
    ' ',
    'null',
    '1e200',
    '\ufeff',
    '"id":9007199254740993',
    '"\\ud800"',
  ),
  fc.string({ maxLength: 4 }),
)

const field = fc.oneof(
  fc.constantFrom(...items).map((item) => `"item":${item}`),
  fc.constantFrom(...items).map((item) => `"item" :\n ${item}`),
  fc.constantFrom(...items).map((item) => `"other":${item}`),
  fc.constantFrom(...items).map((item) => `"arguments":${JSON.stringify(`{"item":${item}}`)}`),
  fc.constantFrom(...items).map((item) => `"arguments":{"item":${item}}`),
  fc.constantFrom(...items).map((item) => `"\\u0069tem":${item}`),
  fc
    .tuple(fc.string({ unit: 'binary' }), fc.jsonValue())
    .map((pair) => pair.map((one) => JSON.stringify(one)).join(':')),
  fc.constantFrom('"id":12345678901234567890', '"text":"\\u0000"', '"item":null', '"item":[1]', '"big":1e101'),
)

describe('known items', () => {
  it('give what parsing all of the body gives, for valid bodies', () => {
    const known = knowing()
    let hits = 0
    fc.assert(
      fc.property(fc.array(field, { maxLength: 5 }), chunkBytes, (fields, bytes) => {
        const body = Buffer.from(`{${fields.join(',')}}`)
        const inChunks = recognized(known, body, bytes)
        if (inChunks !== undefined) expect(inChunks).toEqual(ordinary(body))
        const found = recognized(known, body)
        if (found === undefined) return
        hits += 1
        expect(found).toEqual(ordinary(body))
      }),
      { numRuns: runs(3_000) },
    )
    expect(hits).toBeGreaterThan(100)
  })

  it('give what parsing all of the body gives, or nothing, for bodies that are made to mislead', () => {
    const known = knowing()
    fc.assert(
      fc.property(
        fc.array(piece, { minLength: 1, maxLength: 12 }),
        fc.boolean(),
        chunkBytes,
        (pieces, isObject, bytes) => {
          const body = Buffer.from(isObject ? `{"item":${pieces.join('')}}` : pieces.join(''))
          for (const found of [recognized(known, body), recognized(known, body, bytes)])
            if (found !== undefined) expect(found).toEqual(ordinary(body))
        },
      ),
      { numRuns: runs(5_000) },
    )
  })

  it('give what parsing all of the body gives, or nothing, where a byte was changed', () => {
    const known = knowing()
    const change = fc.record({ item: fc.constantFrom(...items), at: fc.nat(), byte: fc.nat(255) })
    fc.assert(
      fc.property(change, chunkBytes, ({ item, at, byte }, bytes) => {
        const body = Buffer.from(`{"id":"a\\"b","item":${item},"trace_id":"x"}`)
        body[at % body.length] = byte
        for (const found of [recognized(known, body), recognized(known, body, bytes)])
          if (found !== undefined) expect(found).toEqual(ordinary(body))
      }),
      { numRuns: runs(3_000) },
    )
  })

  it('are learned from bodies in which they are hard to find', () => {
    fc.assert(
      fc.property(fc.array(field, { maxLength: 4 }), fc.constantFrom(...items), (fields, text) => {
        const known = createKnownItems()
        const body = Buffer.from(`{${[...fields, `"item":${text}`].join(',')}}`)
        const item = parseJson(text)
        known.keep(body, { item, hash: contentHash(item) })
        for (const other of items) {
          const asked = Buffer.from(`{"trace_id":"x","item":${other}}`)
          const found = recognized(known, asked)
          if (found !== undefined) expect(found).toEqual(ordinary(asked))
        }
      }),
      { numRuns: runs(1_000) },
    )
  })

  it('are found where they are the last value of the key, and are frozen', () => {
    const known = knowing()
    const body = Buffer.from(`{"arguments":"{\\"item\\":{}}","item": ${items[0]} ,"trace_id":"t"}`)
    const found = known.find([body])
    const value = found && known.parse([body], found)
    expect(value).toEqual({ arguments: '{"item":{}}', item: { question: 'how much?', answer: '94' }, trace_id: 't' })
    expect(Object.isFrozen(found?.item)).toBe(true)
  })

  it('are found in a body that arrived in chunks, if they begin in the first one', () => {
    const body = Buffer.from(`{"item":${items[0]},"trace_id":"a long trace id"}`)
    for (let bytes = '{"item":{'.length; bytes < body.length; bytes += 1)
      expect(recognized(knowing(), body, bytes)).toEqual(ordinary(body))
    expect(recognized(knowing(), body, '{"item":'.length)).toBe(undefined)
  })

  it.each([
    ['nested', `{"other":{"item":${items[0]}}}`],
    ['followed by another', `{"item":${items[0]},"item":1}`],
    ['followed by another with an escaped key', `{"item":${items[0]},"\\u0069tem":1}`],
    ['in a string', `{"other":"\\"item\\":${items[0]?.replaceAll('"', '\\"')}"}`],
    ['in an array', `[{"item":${items[0]}}]`],
    ['in a body that is not JSON', `{"item":${items[0]},}`],
    [
      'in a body that is not UTF-8',
      Buffer.concat([Buffer.from(`{"item":${items[0]},"a":"`), Buffer.from([0xe9, 0x22, 0x7d])]),
    ],
  ])('are not taken where the item is %s', (_, body) => {
    expect(recognized(knowing(), Buffer.from(body))).toBe(undefined)
  })

  it('are not remembered if they hold numbers of which a body may have a limited count', () => {
    const known = createKnownItems()
    const body = Buffer.from('{"item":{"a":1e200}}')
    known.keep(body, { item: parseJson('{"a":1e200}'), hash: 'x' })
    expect(known.find([body])).toBe(undefined)
  })

  it('are forgotten, those first that were used least recently, when they are too many bytes', () => {
    const known = createKnownItems(40_000)
    const bodyOf = (n: number) => Buffer.from(`{"item":{"n":${n},"text":"${'x'.repeat(1_000)}"}}`)
    for (let n = 0; n < 100; n += 1) {
      known.keep(bodyOf(n), { item: { n }, hash: String(n) })
      known.find([bodyOf(0)])
    }
    const kept = Array.from({ length: 100 }, (_, n) => n).filter((n) => known.find([bodyOf(n)]) !== undefined)
    expect([kept[0], kept.at(-1), kept.length > 10 && kept.length < 30]).toEqual([0, 99, true])
    known.keep(Buffer.from(`{"item":{"text":"${'x'.repeat(4_000)}"}}`), { item: {}, hash: 'large' })
    expect(known.find([Buffer.from(`{"item":{"text":"${'x'.repeat(4_000)}"}}`)])).toBe(undefined)
  })
})
