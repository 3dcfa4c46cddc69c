/** @jsxRuntime automatic @jsxImportSource hono/jsx */
import { Hono } from 'hono'
import { streamSSE } from 'hono/streaming'
import type { Arrival } from '../../ledger/reports/arrivals.ts'
import { readSandboxReport } from '../../ledger/reports/sandbox-report.ts'
import { readAlarms, readOpenAlarms } from '../../ledger/rollups/alarms.ts'
import { readRunSums } from '../../ledger/rollups/read.ts'
import { timeIn } from '../address.ts'
import { numberText } from '../components/text.tsx'
import type { PageDeps } from '../dashboard.tsx'
import { Health } from '../pages/health.tsx'
import { Alarms, Live } from '../pages/others.tsx'
import { Runs } from '../pages/runs.tsx'
import { Sandboxes } from '../pages/sandboxes.tsx'
import { maySee, type Viewer } from '../session.ts'

/** How many runs one page lists. */
const mostRuns = 50

/** How many sandboxes one page lists. */
const mostSandboxes = 200

/** How many alarms are read, the latest ones, and how many of those that ended the health page lists. */
const mostAlarms = 300
const mostEnded = 10

/** The list of runs, the tail of what arrives, the alarms, the sandboxes and the server's health. */
export function serverRoutes({ sql, trusted, now, feed, viewerOf, show, health, isDraining }: PageDeps): Hono {
  const app = new Hono()

  app.get('/', async (c) => {
    const viewer = viewerOf(c)
    const page = { most: mostRuns, among: viewer.runs, before: timeIn(c.req.query('before')) }
    const [runs, alarms] = await Promise.all([readRunSums(sql, page), readOpenAlarms(sql, { among: viewer.runs })])
    const last = runs.length === mostRuns ? runs.at(-1) : undefined
    return show(c, {
      title: 'Runs',
      place: 'runs',
      content: (
        <Runs
          runs={runs}
          alarms={alarms}
          trusted={trusted}
          older={last && `/dashboard?before=${last.last_at}`}
          now={now()}
        />
      ),
    })
  })

  app.get('/live', (c) => show(c, { title: 'Live', place: 'live', content: <Live />, scripts: ['live.js'] }))

  app.get('/live/events', (c) => {
    const viewer = viewerOf(c)
    return streamSSE(c, async (stream) => {
      let waiting: Arrival[] = []
      const stop = feed.watch((arrivals) => {
        waiting = [...waiting, ...arrivals.filter(({ run }) => maySee(viewer, run))].slice(-200)
      })
      stream.onAbort(stop)
      for (let turns = 0; !stream.aborted && !isDraining(); turns += 1) {
        const lines = waiting
        waiting = []
        if (lines.length > 0) await stream.writeSSE({ event: 'lines', data: JSON.stringify(lines.map(lineOf)) })
        else if (turns % 30 === 0) await stream.writeSSE({ event: 'ping', data: '' })
        await stream.sleep(500)
      }
      stop()
    })
  })

  /** The alarms that a viewer may see: all, and the open ones. */
  const alarmsFor = async ({ runs }: Viewer) => {
    const all = await readAlarms(sql, mostAlarms, { among: runs })
    return { all, open: all.filter(({ ended_at }) => ended_at === null) }
  }

  app.get('/alarms', async (c) => {
    const { all, open } = await alarmsFor(viewerOf(c))
    return show(c, { title: 'Alarms', place: 'alarms', content: <Alarms open={open} history={all} now={now()} /> })
  })

  app.get('/sandboxes', async (c) => {
    const report = await readSandboxReport(sql, viewerOf(c).runs, mostSandboxes)
    const content = <Sandboxes report={report} now={now()} />
    return show(c, { title: 'Sandboxes', place: 'sandboxes', content })
  })

  app.get('/health', async (c) => {
    const viewer = viewerOf(c)
    const [sections, { all, open }] = await Promise.all([health(viewer), alarmsFor(viewer)])
    const ended = all.filter(({ ended_at }) => ended_at !== null).slice(0, mostEnded)
    const content = <Health sections={sections} open={open} ended={ended} now={now()} />
    return show(c, { title: 'Health', place: 'health', content })
  })
  return app
}

const lineOf = ({ kind, at, run, rollout, number, outcome, text, score, code }: Arrival) => ({
  kind,
  at,
  run,
  rollout,
  href: `/dashboard/runs/${run}/rollouts/${number}`,
  outcome,
  text,
  detail: score === null ? (code ?? '') : numberText(score),
})
