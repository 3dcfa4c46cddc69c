import fc from 'fast-check'

/** Text of the kinds that often cause bugs: any UTF-16 units, and characters with a special meaning somewhere. */
export const text = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 8 }).map((units) => String.fromCharCode(...units)),
  fc.constantFrom(
    ...['', ' ', '\u0000', '\ud800', '\udfff\ud800', '\ufffd', '\ufeff', '\u2028', 'é', 'e\u0301', 'İ', 'ﬀ', '😀'],
    ...['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', 'then', 'null', 'undefined', 'NaN'],
    ...['..', '.', '/', '//', '../../etc/passwd', 'a/b', 'a%2fb', '%00', '%', '%zz', '%c0%af', '\\', 'C:\\con', '~'],
    ...["'", '"', "';drop table rollouts;--", '$1', '{{1}}', '%s%n', '_', '%', '\\x00', 'a\r\nx-evil: 1'],
    ...['1e400', '-0', '1e-400', '9007199254740993', '123456789012345678901234567890', '{"query":"\\ud800"}', '[', '"'],
    ...[
      'x'.repeat(255),
      'x'.repeat(256),
      'x'.repeat(257),
      '😀'.repeat(128),
      '\u0000'.repeat(256),
      '\uffff'.repeat(256),
    ],
  ),
)

/** Numbers as JSON may spell them: JavaScript keeps some, rounds others, and reads some as infinity. */
const numeral = fc.oneof(
  fc.double({ noDefaultInfinity: true, noNaN: true }).map((value) => JSON.stringify(value)),
  fc.constantFrom(
    ...['0', '-0', '-0.0', '1e0', '1E+2', '9007199254740993', '-9007199254740993', '1e21', '1e400', '-1e400', '1e-400'],
    ...['1.7976931348623157e308', '5e-324', '123456789012345678901234567890', `1${'0'.repeat(400)}`, '0.1e-300'],
    ...['0.10000000000000000000000000001', '4.9406564584124654e-324', '2147483648', '-9223372036854775809'],
  ),
)

const quoted = text.map((value) => JSON.stringify(value))

/** JSON text of any value; keys may come twice, numbers are spelt in every way. */
export const jsonText = fc.letrec<{ value: string }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    quoted,
    numeral,
    fc.constantFrom('null', 'true', 'false', '{}', '[]'),
    fc.array(tie('value'), { maxLength: 4 }).map((values) => `[${values.join(',')}]`),
    fc
      .array(fc.tuple(quoted, tie('value')), { maxLength: 4 })
      .map((entries) => `{${entries.map(([key, value]) => `${key}:${value}`).join(',')}}`),
    fc.integer({ min: 1, max: 120 }).map((depth) => `${'['.repeat(depth)}${']'.repeat(depth)}`),
    fc.integer({ min: 1, max: 120 }).map((depth) => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`),
  ),
})).value

/** Usually the given value, sometimes JSON text of anything else. */
const mostly = (usual: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc.oneof({ weight: 24, arbitrary: usual }, { weight: 1, arbitrary: jsonText })

/** JSON text of an object with some of these fields, in any order and some of them twice. */
const object = (fields: Readonly<Record<string, fc.Arbitrary<string>>>): fc.Arbitrary<string> => {
  const field = fc.oneof(
    ...Object.entries(fields).map(([name, value]) => value.map((spelt) => `${JSON.stringify(name)}:${spelt}`)),
  )
  const all = fc.tuple(
    ...Object.entries(fields).map(([name, value]) =>
      fc.oneof(
        { weight: 24, arbitrary: value.map((spelt) => [`${JSON.stringify(name)}:${spelt}`]) },
        { weight: 1, arbitrary: fc.constant([]) },
      ),
    ),
  )
  return fc
    .tuple(all, fc.array(field, { maxLength: 1 }))
    .map(([usual, more]) => `{${[...usual.flat(), ...more].join(',')}}`)
}

const id = mostly(
  fc.oneof(
    { weight: 20, arbitrary: quoted },
    { weight: 5, arbitrary: fc.maxSafeInteger().map(String) },
    { weight: 1, arbitrary: numeral },
    { weight: 1, arbitrary: fc.constantFrom('null', '""') },
  ),
)

const list = mostly(fc.array(jsonText, { maxLength: 3 }).map((values) => `[${values.join()}]`))
const messages = mostly(
  fc
    .array(quoted, { maxLength: 2 })
    .map((contents) => `[${contents.map((one) => `{"role":"user","content":${one}}`).join()}]`),
)

/** JSON text that resembles a tool call's body. */
export const callBody = object({
  id,
  call_id: id,
  trace_id: id,
  name: mostly(fc.constantFrom('"reads"', '"writes"', '"acts"', '"list"', '"cat"', '"search"')),
  arguments: mostly(
    fc.oneof(
      jsonText.map((spelt) => JSON.stringify(spelt)),
      object({ path: mostly(quoted), query: mostly(quoted) }).map((spelt) => JSON.stringify(spelt)),
      object({ path: mostly(quoted), query: mostly(quoted) }),
    ),
  ),
  item: mostly(object({ question: mostly(quoted), messages, reference_answer: jsonText, more: jsonText })),
})

/** JSON text that resembles a grading's body. */
export const gradingBody = object({
  trace_id: id,
  sample: mostly(object({ output_text: mostly(quoted), output_tools: list, choices: list, more: jsonText })),
  item: mostly(object({ reference_answer: mostly(fc.oneof(quoted, numeral)), gold_path: mostly(quoted) })),
})

/** A body's bytes: JSON text as it is, with a byte order mark, cut off, or with bytes that are not UTF-8 put in. */
export const bytesOf = (spelt: fc.Arbitrary<string>): fc.Arbitrary<Uint8Array> =>
  fc.oneof(
    { weight: 24, arbitrary: spelt.map((one) => Buffer.from(one)) },
    { weight: 1, arbitrary: spelt.map((one) => Buffer.from(`\ufeff${one}`)) },
    {
      weight: 1,
      arbitrary: fc.tuple(spelt, fc.nat()).map(([one, at]) => {
        const bytes = Buffer.from(one)
        return bytes.subarray(0, at % (bytes.length + 1))
      }),
    },
    {
      weight: 2,
      arbitrary: fc.tuple(spelt, fc.nat(), fc.uint8Array({ maxLength: 4 })).map(([one, at, odd]) => {
        const bytes = Buffer.from(one)
        const cut = at % (bytes.length + 1)
        return Buffer.concat([bytes.subarray(0, cut), odd, bytes.subarray(cut)])
      }),
    },
  )

/** The path of an address: those of the server, and others. */
export const path = fc.oneof(
  fc.constantFrom(
    ...['/tools', '/tools/reads', '/tools/writes', '/tools/acts', '/tools/list', '/tools/cat', '/tools/search'],
    ...['/grade', '/graders/counts', '/graders/answer', '/healthz', '/readyz', '/openapi.json', '/', '//', '/tools/'],
  ),
  fc
    .tuple(fc.constantFrom('/tools', '/graders', '/grade', '/tools/reads', ''), text)
    .map(([before, name]) => `${before}/${encodeURIComponent(name.toWellFormed())}`),
  fc.tuple(fc.constantFrom('/tools', '/graders', ''), text).map(([before, name]) => `${before}/${name}`),
  fc.constantFrom(
    '/tools/%',
    '/tools/%c0%af',
    '/tools/%00',
    '/tools/a%2Fb',
    '/graders/%ff',
    '/tools?name=reads',
    '/tools#a',
  ),
)
