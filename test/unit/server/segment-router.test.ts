import fc from 'fast-check'
import { TrieRouter } from 'hono/router/trie-router'
import { describe, expect, it } from 'vitest'
import { createSegmentRouter } from '../../../src/server/http/segment-router.ts'
import { runs } from '../../support/runs.ts'

const routes = [
  ['ALL', '*'],
  ['GET', '/'],
  ['GET', '/healthz'],
  ['POST', '/tools'],
  ['POST', '/tools/:name'],
  ['ALL', '/tools/:name'],
  ['ALL', '/v1/*'],
  ['POST', '/v1/graders/run'],
  ['POST', '/gym/rollout/:id'],
  ['POST', '/gym/rollout/:id/:tool{.+}'],
  ['POST', '/gym/:tool{.+}'],
  ['ALL', '/gym/*'],
  ['GET', '/:any/tools'],
] as const

const segment = fc.constantFrom(
  '',
  'tools',
  'tool',
  'v1',
  'graders',
  'run',
  'gym',
  'rollout',
  'healthz',
  'x',
  ':name',
  '*',
)

describe('the router by segments', () => {
  it('finds the handlers, in the same order and with the same parameters, that one router for all routes finds', () => {
    const chosen = fc.uniqueArray(fc.constantFrom(...routes), { maxLength: routes.length })
    const path = fc.array(segment, { maxLength: 4 }).map((segments) => `/${segments.join('/')}`)
    fc.assert(
      fc.property(
        chosen,
        fc.array(path, { minLength: 1, maxLength: 5 }),
        fc.constantFrom('GET', 'POST'),
        (list, paths, method) => {
          const [one, other] = [createSegmentRouter<string>(), new TrieRouter<string>()]
          for (const [verb, pattern] of list) {
            one.add(verb, pattern, `${verb} ${pattern}`)
            other.add(verb, pattern, `${verb} ${pattern}`)
          }
          for (const path of paths) expect(found(one.match(method, path))).toEqual(found(other.match(method, path)))
        },
      ),
      { numRuns: runs(500) },
    )
  })

  it('takes routes that are added later', () => {
    const router = createSegmentRouter<string>()
    router.add('GET', '/a/b', 'first')
    expect(found(router.match('GET', '/a/c'))).toEqual([])
    router.add('GET', '/a/c', 'second')
    expect(found(router.match('GET', '/a/c'))).toEqual([['second', {}]])
  })
})

/** The handlers with their parameters, each once; routers give these as values, or as places in a list. */
function found([handlers, places]: ReturnType<ReturnType<typeof createSegmentRouter<string>>['match']>): unknown[] {
  const entries = handlers.map(([handler, parameters]) => {
    const values = Object.entries(parameters).map(([name, value]) => {
      return [name, typeof value === 'number' ? places?.[value] : value] as const
    })
    return [handler, Object.fromEntries(values)] as const
  })
  return [...new Map(entries.map((entry) => [JSON.stringify(entry), entry])).values()]
}
