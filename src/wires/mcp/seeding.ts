import { type Context, Hono } from 'hono'
import { z } from 'zod'
import { RequestError } from '../../kit/errors.ts'
import { headerValue, jsonAnswer, onlyBy } from '../http.ts'
import { readBody, turnOf } from '../read-body.ts'
import type { WireDeps } from '../wire.ts'
import { rolloutToken } from './rollout.ts'

/** The body that begins a rollout: an item, or the place of one in the server's datasets. */
export const seedBody = z.object({
  rollout: z.string().min(1).max(256).optional().meta({ description: 'Its id; a new one by default.' }),
  item: z.unknown().optional().meta({ description: 'The dataset row, the reference included.' }),
  split: z.string().optional().meta({ description: 'Instead of `item`: the split of the dataset.' }),
  index: z.number().int().min(0).optional().meta({ description: 'With `split`: the row, from 0.' }),
})

/** The address that begins a rollout with an item, and answers with what connects to it. */
export function seedingRoutes(deps: WireDeps): Hono {
  const { allow, respond, sessions, tokens } = deps
  const app = new Hono()
  app.onError((error, c) => respond(c, error))
  app.post('/', async (c) => {
    const access = await allow(c.req.raw, 'tools')
    const run = access.run()
    const body = await readBody(c, seedBody, deps)
    const item = await itemOf(body, deps)
    await turnOf(c, deps)
    const rollout = await sessions.begin({ run, wire: 'mcp', key: access.key, rolloutId: body.rollout, item })
    const token = await rolloutToken(tokens, rollout)
    const answer = { rollout: rollout.rolloutId, run, token, url: addressFor(c, token, deps.publicUrl) }
    return jsonAnswer(answer, { 'x-rollout-id': headerValue(rollout.rolloutId) })
  })
  app.all('/', onlyBy('POST'))
  return app
}

async function itemOf({ item, split, index }: z.infer<typeof seedBody>, { datasets }: WireDeps): Promise<unknown> {
  if (split === undefined && index === undefined) return item ?? {}
  if (item !== undefined || split === undefined || index === undefined) {
    const message = 'the body must have "item", or "split" and "index", and not both'
    throw new RequestError(400, 'invalid_request', message)
  }
  const found = datasets.splits.find(({ name }) => name === split)
  if (found === undefined) {
    const names = datasets.splits.map(({ name }) => name).join(', ')
    const there = names === '' ? 'DATASETS is not set' : `the splits are: ${names}`
    throw new RequestError(404, 'unknown_split', `there is no split "${split}"; ${there}`)
  }
  const row = await found.row(index)
  if (row === undefined) {
    const message = `the split "${split}" has ${found.count} rows and none with the index ${index}`
    throw new RequestError(404, 'unknown_row', message)
  }
  return row.item
}

/** The address of a rollout, beside the one that the request came to. */
function addressFor(c: Context, token: string, publicUrl: string | undefined): string {
  const { origin, pathname } = new URL(c.req.url)
  return `${publicUrl?.replace(/\/+$/, '') ?? origin}${pathname.replace(/\/rollouts\/?$/, '')}/${token}`
}
