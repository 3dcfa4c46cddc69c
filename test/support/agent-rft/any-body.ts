import fc from 'fast-check'
import type { Hono } from 'hono'
import { expect } from 'vitest'
import { z } from 'zod'

const text = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.array(fc.integer({ min: 0, max: 0xffff })).map((units) => String.fromCharCode(...units)),
  fc.constantFrom('', '\u0000', '\ud800', '__proto__', 'constructor', '😀'.repeat(100), '{"query":"\\ud800"}', '1e999'),
)
const json = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    text,
    fc.double(),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie('value')),
    fc.array(fc.tuple(text, tie('value'))).map((entries) => Object.fromEntries(entries)),
  ),
})).value
const maybe = <Value>(usual: fc.Arbitrary<Value>) =>
  fc.oneof({ weight: 5, arbitrary: usual }, { weight: 1, arbitrary: json })
const id = maybe(fc.oneof(text, fc.integer(), fc.constant(null)))
const call = fc.record(
  {
    id,
    call_id: id,
    name: maybe(fc.constantFrom('echo', 'list', 'cat', 'note')),
    trace_id: id,
    arguments: maybe(json.map((value) => JSON.stringify(value))),
    item: json,
  },
  { requiredKeys: [] },
)
const sample = fc.record(
  { output_text: maybe(text), output_tools: maybe(fc.array(json)), choices: json },
  { requiredKeys: [] },
)
const grading = fc.record({ sample: maybe(sample), item: json, trace_id: id }, { requiredKeys: [] })
const request = fc.oneof(
  fc.tuple(fc.constantFrom('/tools', '/tools/echo', '/tools/list', '/tools/none'), maybe(call)),
  fc.tuple(
    text.map((name) => `/tools/${encodeURIComponent(name.toWellFormed())}`),
    call,
  ),
  fc.tuple(fc.constantFrom('/grade', '/graders/answer', '/graders/finqa', '/graders/none'), maybe(grading)),
)

const answer = z.union([
  z.strictObject({ type: z.literal('function_call_output'), call_id: z.string(), id: z.string(), output: z.string() }),
  z.strictObject({ score: z.number() }),
  z.strictObject({ error: z.strictObject({ code: z.string(), message: z.string() }), output: z.string().optional() }),
])

const stringsOf = (value: unknown): string[] =>
  typeof value === 'object' && value !== null ? Object.values(value).flatMap(stringsOf) : [String(value)]

/** Sends an app bodies of any kind: it must not fail, and the same body must get the same answer again. */
export async function expectAnyBodyAnswered(app: Pick<Hono, 'request'>, numRuns: number): Promise<void> {
  const ask = async (path: string, body: unknown) => {
    const response = await app.request(path, { method: 'POST', body: JSON.stringify(body) })
    return { status: response.status, text: await response.text() }
  }
  await fc.assert(
    fc.asyncProperty(request, async ([path, body]) => {
      const first = await ask(path, body)
      // Two bodies may name one rollout with two items.
      if (!first.text.includes('"rollout_has_another_item"')) expect(first.status).toBeLessThan(500)
      expect(answer.safeParse(JSON.parse(first.text)).success).toBe(true)
      expect(stringsOf(JSON.parse(first.text)).every((one) => one.isWellFormed())).toBe(true)
      const named = z.looseObject({ trace_id: z.string().min(1), call_id: z.string().min(1) }).safeParse(body)
      if (named.success) expect((await ask(path, body)).text).toBe(first.text)
    }),
    { numRuns },
  )
}
