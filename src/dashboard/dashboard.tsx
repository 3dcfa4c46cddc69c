/** @jsxRuntime automatic @jsxImportSource hono/jsx */
import { type Context, Hono } from 'hono'
import { deleteCookie, getCookie, setCookie } from 'hono/cookie'
import type { Child } from 'hono/jsx'
import type { Sql } from 'postgres'
import { isRunName } from '../base/run-name.ts'
import { AuthError, RequestError } from '../kit/errors.ts'
import { readAssets } from './assets.ts'
import { Frame, type Place } from './components/frame.tsx'
import { createLiveFeed } from './live-feed.ts'
import type { HealthSection } from './pages/health.tsx'
import { Arrival, Login, Problem } from './pages/others.tsx'
import { rolloutRoutes } from './routes/rollouts.tsx'
import { runRoutes } from './routes/runs.tsx'
import { serverRoutes } from './routes/server.tsx'
import {
  createSessions,
  isFromElsewhere,
  isOwnRequest,
  maySee,
  sessionCookie,
  sessionSeconds,
  type Viewer,
} from './session.ts'

/** A recorded rollout to be graded by the code that runs now. */
export interface GradeAgain {
  readonly run: string
  readonly number: number
}

/** What today's code gives a recorded rollout, or why it gives nothing. */
export type GradedNow = { readonly grader: string; readonly version: string } & (
  | { readonly score: number; readonly parts: Readonly<Record<string, number>> | null; readonly reason: string | null }
  | { readonly problem: string }
)

/** What {@link createDashboard} needs. */
export interface DashboardDeps {
  /** A pool of the dashboard's own, whose statements have a timeout. */
  readonly sql: Sql
  /** Who the owner of a key or a token is; throws an `AuthError`. */
  readonly identify: (key: string) => Promise<Viewer>
  /** When a token ends, in seconds since 1970; undefined if it is a key. */
  readonly endsAt: (key: string) => number | undefined
  /** Whether the server has no keys, so that everybody who can connect may look. */
  readonly isOpen: boolean
  /** A key that all replicas share, and what changes when the server's keys do. */
  readonly signingKey: () => Promise<Uint8Array>
  readonly keys: readonly string[]
  /** The part of a score that cannot be gamed. */
  readonly trusted: string | undefined
  readonly budget: number | undefined
  /** Whether the environment defines sandboxes, so that the navigation names their page. */
  readonly hasSandboxes: boolean
  /** The state of the server, as much as the viewer may see of it. */
  readonly health: (viewer: Viewer) => Promise<readonly HealthSection[]>
  /** Grades a recorded rollout and records nothing; undefined where no grader can be run. */
  readonly gradeAgain: ((rollout: GradeAgain) => Promise<GradedNow>) | undefined
  readonly isDraining: () => boolean
  readonly now?: () => number
}

/** What the routes of the pages are given. */
export interface PageDeps extends DashboardDeps {
  readonly now: () => number
  readonly feed: ReturnType<typeof createLiveFeed>
  /** Who looks; only after the check that lets them in. */
  readonly viewerOf: (c: Context) => Viewer
  /** The run in the address. Throws a 404 for one that the viewer may not see. */
  readonly runOf: (c: Context) => string
  readonly show: (c: Context, page: ShownPage) => Response | Promise<Response>
}

/** A page to show. */
export interface ShownPage {
  readonly title: string
  readonly place: Place
  readonly content: Child
  readonly scripts?: readonly string[]
  readonly status?: 200 | 400 | 401 | 404 | 503
}

const policy = [
  `default-src 'none'`,
  `script-src 'self'`,
  `style-src 'self'`,
  `img-src 'self' data:`,
  `connect-src 'self'`,
  `form-action 'self'`,
  `frame-ancestors 'none'`,
  `base-uri 'none'`,
].join('; ')

const everybody: Viewer = { name: 'anyone', runs: undefined, seesReference: true }

/** The pages below `/dashboard`. */
export function createDashboard(deps: DashboardDeps): Hono {
  const { sql, isOpen, now = Date.now } = deps
  const assets = readAssets()
  const sessions = createSessions(deps.signingKey, deps.keys)
  const viewers = new WeakMap<Request, Viewer>()
  const app = new Hono().basePath('/dashboard')

  const show = (c: Context, { title, place, content, scripts = [], status = 200 }: ShownPage) => {
    const viewer = viewers.get(c.req.raw)
    const page = (
      <Frame
        title={title}
        place={place}
        viewer={viewer}
        canLeave={viewer !== undefined && !isOpen}
        hasSandboxes={deps.hasSandboxes}
        scripts={scripts}
      >
        {content}
      </Frame>
    )
    return c.html(`<!doctype html>${page.toString()}`, status)
  }
  const problem = (c: Context, status: 400 | 401 | 404 | 503, title: string, text: string) =>
    show(c, { title, place: 'none', status, content: <Problem title={title} text={text} /> })

  app.onError((error, c) => {
    if (error instanceof RequestError && error.status === 404) return problem(c, 404, 'Not found', error.message)
    if (error instanceof RequestError && error.status < 500) return problem(c, 400, 'Not possible', error.message)
    throw error
  })

  app.use(async (c, next) => {
    await next()
    c.header('content-security-policy', policy)
    c.header('x-content-type-options', 'nosniff')
    c.header('referrer-policy', 'same-origin')
    if (!c.req.path.startsWith('/dashboard/assets/')) c.header('cache-control', 'no-store')
  })

  app.get('/assets/:name', (c) => {
    const asset = assets.get(c.req.param('name'))
    if (asset === undefined) return c.text('not found', 404)
    const headers = { etag: asset.etag, 'cache-control': 'no-cache', 'content-type': asset.type }
    if (c.req.header('if-none-match') === asset.etag) return c.body(null, 304, headers)
    return c.body(asset.body, 200, headers)
  })

  app.post('*', async (c, next) => {
    if (!isOwnRequest(c.req.raw.headers)) return problem(c, 400, 'Not possible', 'the form is not of this server')
    return await next()
  })

  const login = (c: Context, status: 200 | 401, text: string | undefined, next: string) =>
    show(c, { title: 'Log in', place: 'none', status, content: <Login problem={text} next={next} /> })

  app.post('/login', async (c) => {
    const form = await c.req.parseBody()
    const { key = '', next = '' } = form
    const to = localAddress(String(next))
    try {
      const viewer = await deps.identify(String(key))
      const cookie = await sessions.sign(viewer, deps.endsAt(String(key)))
      const isSecure = new URL(c.req.url).protocol === 'https:' || c.req.header('x-forwarded-proto') === 'https'
      const options = {
        path: '/dashboard',
        httpOnly: true,
        sameSite: 'Strict',
        secure: isSecure,
        maxAge: sessionSeconds,
      } as const
      setCookie(c, sessionCookie, cookie, options)
      return c.redirect(to, 303)
    } catch (error) {
      if (!(error instanceof AuthError)) throw error
      return login(c, 401, error.message, to)
    }
  })

  app.post('/logout', (c) => {
    deleteCookie(c, sessionCookie, { path: '/dashboard' })
    return c.redirect('/dashboard', 303)
  })

  app.use(async (c, next) => {
    const cookie = getCookie(c, sessionCookie)
    const viewer = isOpen ? everybody : cookie === undefined ? undefined : await sessions.read(cookie)
    if (viewer === undefined) {
      if (c.req.method !== 'GET') return problem(c, 401, 'Log in', 'the session is over; log in again')
      const { pathname, search } = new URL(c.req.url)
      const to = `${pathname}${search}`
      if (cookie === undefined && isFromElsewhere(c.req.raw)) {
        return c.html(`<!doctype html>${(<Arrival to={to} />).toString()}`)
      }
      return login(c, 401, undefined, to)
    }
    viewers.set(c.req.raw, viewer)
    return await next()
  })

  const viewerOf = (c: Context): Viewer => {
    const viewer = viewers.get(c.req.raw)
    if (viewer === undefined) throw new Error('the request has no viewer: the check that lets viewers in did not run')
    return viewer
  }
  const pages: PageDeps = {
    ...deps,
    now,
    feed: createLiveFeed(sql),
    viewerOf,
    runOf(c) {
      const run = c.req.param('run') ?? ''
      // A run that exists and may not be seen looks like one that does not exist.
      if (!isRunName(run) || !maySee(viewerOf(c), run))
        throw new RequestError(404, 'not_found', `there is no run "${run}"`)
      return run
    },
    show,
  }
  app.route('/', serverRoutes(pages))
  app.route('/', runRoutes(pages))
  app.route('/', rolloutRoutes(pages))
  app.all('*', (c) => problem(c, 404, 'Not found', 'there is no such page'))
  return app
}

/** Where to go after the login: a page of the dashboard, whatever the form says. */
const localAddress = (text: string): string => (/^\/dashboard(?:[/?]|$)/.test(text) ? text : '/dashboard')
