import { type Context, Hono } from 'hono'
import { onlyBy } from '../http.ts'
import type { Wire } from '../wire.ts'
import { callHandler } from './calls.ts'
import { describeOrs } from './describe.ts'
import { listingHandlers, taskHandlers } from './listings.ts'
import { plainSubmit } from './outcomes.ts'
import { promptHandler, sessionHandlers } from './sessions.ts'
import { checkEnvironment, environmentName } from './tasks.ts'

/** Open Reward Standard: sessions in which a model calls tools over a stream, and finishes with a call that is graded. */
export const ors: Wire = {
  name: 'ors',
  prefix: '/ors',
  sendsKey: true,
  describe: describeOrs,
  create(deps) {
    const submit = deps.submit ?? plainSubmit(deps.tools)
    const app = new Hono()
    app.onError((error, c) => deps.respond(c, error, { shape: 'detail' }))

    const enter = (c: Context) => deps.allow(c.req.raw, 'tools', 'grade', 'read')
    app.get('/health', (c) => c.json({ status: 'ok' }))
    app.get('/version', async (c) => {
      await enter(c)
      return c.json({ version: deps.version })
    })
    app.get('/list_environments', async (c) => {
      await enter(c)
      return c.json([environmentName])
    })
    for (const path of ['/health', '/version', '/list_environments']) app.all(path, onlyBy('GET, HEAD'))

    const gets = { ...listingHandlers(deps, submit), prompt: promptHandler(deps) }
    const posts = { ...taskHandlers(deps), ...sessionHandlers(deps), call: callHandler(deps, submit) }
    // Clients leave out the name of the environment where there is but one.
    for (const base of ['', '/:env']) {
      const checked = (handler: (c: Context) => Promise<Response>) => (c: Context) => {
        checkEnvironment(c.req.param('env'))
        return handler(c)
      }
      for (const [name, handler] of Object.entries(gets)) {
        app.get(`${base}/${name}`, checked(handler))
        app.all(`${base}/${name}`, onlyBy('GET, HEAD'))
      }
      for (const [name, handler] of Object.entries(posts)) {
        app.post(`${base}/${name}`, checked(handler))
        app.all(`${base}/${name}`, onlyBy('POST'))
      }
    }
    return app
  },
}
