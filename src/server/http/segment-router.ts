import type { Result, Router } from 'hono/router'
import { RegExpRouter } from 'hono/router/reg-exp-router'
import { SmartRouter } from 'hono/router/smart-router'
import { TrieRouter } from 'hono/router/trie-router'

interface Route<Handler> {
  readonly method: string
  readonly path: string
  readonly handler: Handler
}

/**
 * A router that looks at a path's first segment and then only at the routes that can match it. All addresses in one router
 * would take Hono's slow one, because some wires have ambiguous addresses, and with it the tool calls of every trainer.
 */
export function createSegmentRouter<Handler>(): Router<Handler> {
  const routes: Route<Handler>[] = []
  let bySegment: ReadonlyMap<string, Router<Handler>> | undefined
  let others: Router<Handler> | undefined

  const routerOf = (chosen: readonly Route<Handler>[]): Router<Handler> => {
    const router = new SmartRouter<Handler>({ routers: [new RegExpRouter<Handler>(), new TrieRouter<Handler>()] })
    for (const { method, path, handler } of chosen) router.add(method, path, handler)
    return router
  }
  const build = (): ReadonlyMap<string, Router<Handler>> => {
    const segments = new Set(routes.map(({ path }) => segmentOf(path)))
    const fitting = (segment: string) =>
      routes.filter(({ path }) => segmentOf(path) === segment || isPattern(segmentOf(path)))
    others = routerOf(routes.filter(({ path }) => isPattern(segmentOf(path))))
    return new Map([...segments].filter((each) => !isPattern(each)).map((each) => [each, routerOf(fitting(each))]))
  }

  return {
    name: 'SegmentRouter',
    add(method, path, handler) {
      routes.push({ method, path, handler })
      bySegment = undefined
    },
    match(method, path): Result<Handler> {
      bySegment ??= build()
      const router = bySegment.get(segmentOf(path)) ?? others
      return router?.match(method, path) ?? [[]]
    },
  }
}

/** The first segment of a path; `*` is a path too. */
function segmentOf(path: string): string {
  if (!path.startsWith('/')) return path
  const end = path.indexOf('/', 1)
  return end === -1 ? path.slice(1) : path.slice(1, end)
}

/** Whether a segment matches others: a parameter or a wildcard. */
const isPattern = (segment: string) => /[*:{]/.test(segment)
