/** @jsxRuntime automatic @jsxImportSource hono/jsx */
import { type Context, Hono } from 'hono'
import { stringifyExactly } from '../../base/exact-json.ts'
import { readAnswer, readCallText, readRolloutHeads, readSiblings } from '../../ledger/reports/rollout-heads.ts'
import { listRollouts } from '../../ledger/reports/rollout-list.ts'
import { findAttempts, readRolloutReport } from '../../ledger/reports/rollout-report.ts'
import { intIn, noRollout, rolloutNumberIn, textIn, wholeNumberIn } from '../address.ts'
import type { PageDeps } from '../dashboard.tsx'
import { Comparison, GradedAgain, Rollout } from '../pages/rollout.tsx'
import { Rollouts } from '../pages/rollouts.tsx'
import { filterOf, readRolloutQuery } from '../rollout-filter.ts'
import { splitItem } from '../rollout-view.ts'

/** How many rollouts one page lists. */
const mostRollouts = 50

/** The list of rollouts and the page of one, by its number or its trainer's id, with its whole texts. */
export function rolloutRoutes({ sql, now, viewerOf, runOf, show, gradeAgain }: PageDeps): Hono {
  const app = new Hono()

  app.get('/runs/:run/rollouts', async (c) => {
    const run = runOf(c)
    const query = readRolloutQuery(c.req.query())
    const list = await listRollouts(sql, filterOf(run, query), mostRollouts)
    const content = <Rollouts run={run} query={query} list={list} now={now()} />
    return show(c, { title: `Rollouts of ${run}`, place: 'runs', content })
  })

  app.get('/runs/:run/rollout', async (c) => {
    const run = runOf(c)
    const [rollout, attempt] = [textIn(c.req.query('id')), intIn(c.req.query('attempt'))]
    const [found] = await findAttempts(sql, { run, rollout, attempt })
    if (found === undefined) throw noRollout()
    return c.redirect(`/dashboard/runs/${run}/rollouts/${found.number}`, 302)
  })

  app.get('/runs/:run/rollouts/:number{[0-9]+}', async (c) => {
    const run = runOf(c)
    const { seesReference } = viewerOf(c)
    const number = rolloutNumberIn(c)
    const other = c.req.query('with')
    if (other !== undefined) {
      const both = await Promise.all([headsOf(run, number), headsOf(run, wholeNumberIn(other))])
      const content = <Comparison both={both} seesReference={seesReference} />
      return show(c, { title: 'Two rollouts', place: 'runs', content, scripts: ['folds.js'] })
    }
    const [heads, siblings] = await Promise.all([headsOf(run, number), readSiblings(sql, { run, number })])
    const content = (
      <Rollout
        heads={heads}
        siblings={siblings}
        seesReference={seesReference}
        canGrade={gradeAgain !== undefined && seesReference}
      />
    )
    return show(c, { title: heads.rollout, place: 'runs', content, scripts: ['folds.js'] })
  })

  app.get('/runs/:run/rollouts/:number{[0-9]+\\.json}', async (c) => {
    const report = await readRolloutReport(sql, { run: runOf(c), number: rolloutNumberIn(c) })
    if (report === undefined) throw noRollout()
    const item = viewerOf(c).seesReference ? report.item : { messages: splitItem(report.item).messages }
    return c.body(stringifyExactly({ ...report, item }), 200, { 'content-type': 'application/json' })
  })

  app.get('/runs/:run/rollouts/:number{[0-9]+}/calls/:seq{[0-9]+}/:text{arguments|output}', async (c) => {
    const text = c.req.param('text') === 'output' ? 'output' : 'arguments'
    const seq = intIn(c.req.param('seq'))
    if (seq === undefined) throw noRollout()
    return plain(c, await readCallText(sql, { run: runOf(c), number: rolloutNumberIn(c), seq, text }))
  })

  app.get('/runs/:run/rollouts/:number{[0-9]+}/gradings/:id{[0-9]+}/answer', async (c) => {
    const id = wholeNumberIn(c.req.param('id'))
    if (id === undefined) throw noRollout()
    return plain(c, await readAnswer(sql, runOf(c), rolloutNumberIn(c), id))
  })

  app.post('/runs/:run/rollouts/:number{[0-9]+}/grade', async (c) => {
    const run = runOf(c)
    if (gradeAgain === undefined || !viewerOf(c).seesReference) throw noRollout()
    const heads = await headsOf(run, rolloutNumberIn(c))
    const result = await gradeAgain({ run, number: heads.number })
    return show(c, { title: 'Graded again', place: 'runs', content: <GradedAgain heads={heads} result={result} /> })
  })

  async function headsOf(run: string, number: number | undefined) {
    const heads = number === undefined ? undefined : await readRolloutHeads(sql, run, number)
    if (heads === undefined) throw noRollout()
    return heads
  }

  return app
}

/** Text of unknown origin, which a browser shows as text. */
function plain(c: Context, text: string | undefined): Response {
  if (text === undefined) throw noRollout()
  return c.body(text, 200, { 'content-type': 'text/plain; charset=utf-8' })
}
