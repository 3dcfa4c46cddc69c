import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { ask } from '../../support/hostile/answers.ts'
import { bytesOf, callBody, gradingBody } from '../../support/hostile/arbitraries.ts'
import { openArena, readBack } from '../../support/hostile/arena.ts'
import { runs } from '../../support/runs.ts'

/** For the suite; use more runs to search for faults. */
const numRuns = runs(120)

let arena: Awaited<ReturnType<typeof openArena>>

beforeAll(async () => {
  arena = await openArena()
})

afterAll(() => arena.close())

const toolPath = fc.constantFrom(
  '/tools',
  '/tools/reads',
  '/tools/writes',
  '/tools/acts',
  '/tools/cat',
  '/tools/search',
)
const gradingPath = fc.constantFrom('/grade', '/graders/counts', '/graders/answer')
const request = fc.oneof(
  { weight: 3, arbitrary: fc.tuple(toolPath, bytesOf(callBody)) },
  { weight: 1, arbitrary: fc.tuple(gradingPath, bytesOf(gradingBody)) },
)
const named = z.object({
  call_id: z.union([z.string().min(1), z.number()]),
  trace_id: z.union([z.string().min(1), z.number()]),
})
const graded = z.object({ trace_id: z.union([z.string().min(1), z.number()]) })

/** The rollout that a named body is about. */
const rolloutIn = (bytes: Uint8Array): string =>
  String(graded.parse(JSON.parse(new TextDecoder().decode(bytes))).trace_id)

/** Whether the body has all ids, so that the same body is the same request. */
function isNamed(path: string, bytes: Uint8Array): boolean {
  try {
    const schema = path.startsWith('/tools') ? named : graded
    return schema.safeParse(JSON.parse(new TextDecoder().decode(bytes))).success
  } catch {
    return false
  }
}

const isCall = ({ path }: { readonly path: string }) => path.startsWith('/tools')

describe('a repeated request', () => {
  it('gets the same answer byte for byte: at once, on another replica, and from a restarted server', async () => {
    const [one, other] = [arena.replica(), arena.replica()]
    let asked: { path: string; init: RequestInit; answer: string; rollout: string }[] = []
    await fc.assert(
      fc.asyncProperty(request, async ([path, body]) => {
        const init = { method: 'POST', body }
        if (!isNamed(path, body)) return void (await ask(one, path, init))
        const [first, twin] = await Promise.all([ask(one, path, init), ask(one, path, init)])
        const answer = JSON.stringify(first)
        expect(JSON.stringify(twin)).toBe(answer)
        expect(JSON.stringify(await ask(one, path, init))).toBe(answer)
        expect(JSON.stringify(await ask(other, path, init))).toBe(answer)
        const rollout = rolloutIn(body)
        // A call after a grading begins a new attempt, to which the same grading then belongs.
        if (path.startsWith('/tools')) asked = asked.filter((one) => one.rollout !== rollout || isCall(one))
        asked.push({ path, init, answer, rollout })
      }),
      { numRuns },
    )
    const fresh = arena.replica()
    for (const { path, init, answer } of asked) expect(JSON.stringify(await ask(fresh, path, init))).toBe(answer)
    expect(await readBack(arena.home)).toBeGreaterThan(0)
  })

  it('sent to two replicas at once is one call with one answer', async () => {
    const [one, other] = [arena.replica(), arena.replica()]
    await fc.assert(
      fc.asyncProperty(fc.tuple(toolPath, callBody), async ([path, spelt]) => {
        const init = { method: 'POST', body: Buffer.from(spelt) }
        if (!isNamed(path, init.body)) return
        const answers = await Promise.all([one, other, one, other].map((app) => ask(app, path, init)))
        expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1)
      }),
      { numRuns: numRuns / 2 },
    )
  })

  it('leaves every rollout gradable', async () => {
    const app = arena.replica()
    const rows = await arena.home.sql<{ id: string }[]>`select id from rollouts`
    expect(rows.length).toBeGreaterThan(10)
    for (const { id } of rows) {
      const body = JSON.stringify({ trace_id: id, sample: { output_text: '94.0' }, item: {} })
      expect((await ask(app, '/graders/counts', { method: 'POST', body })).status).toBe(200)
    }
  })
})
