import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { converse, post, type Step, statuses, whole } from '../../support/hostile/socket.ts'
import { call, startTarget } from '../../support/hostile/target.ts'
import { runs } from '../../support/runs.ts'

let target: Awaited<ReturnType<typeof startTarget>>

beforeAll(async () => {
  target = await startTarget()
})

afterAll(() => target.close())

describe('a server process', () => {
  /** Enough for the suite. */
  const numRuns = runs(60)

  const line = fc.constantFrom(
    ...['POST /tools HTTP/1.1\r\n', 'GET /healthz HTTP/1.1\r\n', 'host: a\r\n', '\r\n', 'content-length: 39\r\n', call],
    ...['transfer-encoding: chunked\r\n', '5\r\n', '0\r\n\r\n', 'expect: 100-continue\r\n', 'connection: close\r\n'],
  )
  const step = fc.oneof(
    { weight: 6, arbitrary: line },
    { weight: 2, arbitrary: fc.uint8Array({ maxLength: 200 }) },
    { weight: 1, arbitrary: fc.constantFrom<Step>('END', 'RESET', 5) },
  )

  it('still serves other clients after a storm of meaningless bytes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(step, { maxLength: 12 }), { minLength: 5, maxLength: 5 }), async (talks) => {
        const received = await Promise.all(talks.map((steps) => converse(target.port, steps, { timeoutMs: 60 })))
        for (const status of received.flatMap(statuses)) expect(status).toBeLessThan(500)
      }),
      { numRuns },
    )
    await target.isWell()
  })

  it('serves other clients during a storm of connections that send nothing, or a byte now and then', async () => {
    const slow = Array.from({ length: 200 }, (_, n) => {
      const begun = n % 2 === 0 ? [] : [post('/tools', '{"na', 'content-length: 39')]
      return converse(target.port, [...begun, ...[...'me":"list"'].flatMap((byte): Step[] => [byte, 100])], {
        timeoutMs: 2_500,
      })
    })
    await target.isWell()
    await Promise.all(slow)
    await target.isWell()
  })

  it('still serves other clients after a storm of connections dropped inside a body or before the answer', async () => {
    const spelt = whole('/tools', call)
    await Promise.all(
      Array.from({ length: 150 }, (_, n) =>
        converse(target.port, [spelt.slice(0, n), n % 3, n % 2 === 0 ? 'RESET' : 'END'], { timeoutMs: 300 }),
      ),
    )
    await Promise.all(
      Array.from({ length: 100 }, (_, n) => converse(target.port, [spelt, n % 5, 'RESET'], { timeoutMs: 300 })),
    )
    await target.isWell()
  })
})
