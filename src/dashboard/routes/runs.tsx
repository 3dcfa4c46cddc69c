/** @jsxRuntime automatic @jsxImportSource hono/jsx */
import { type Context, Hono } from 'hono'
import { isRunName } from '../../base/run-name.ts'
import { RequestError } from '../../kit/errors.ts'
import { readOpenAlarms } from '../../ledger/rollups/alarms.ts'
import { type Bucket, type ItemOrder, readBuckets, readItems, readRunSums } from '../../ledger/rollups/read.ts'
import { intIn } from '../address.ts'
import { judgeRun } from '../alarms/evaluate.ts'
import { readHistory } from '../alarms/watch.ts'
import { type Axis, axisOf, type CurveColumn, curvesCsv, curvesOf, pointsOf } from '../curves.ts'
import type { PageDeps } from '../dashboard.tsx'
import { Items } from '../pages/items.tsx'
import { Run } from '../pages/run.tsx'
import { maySee } from '../session.ts'

const axes: readonly Axis[] = ['burst', 'visit', 'minute']
const itemOrders: readonly ItemOrder[] = ['spread', 'worst', 'best', 'attempts']

/** How many items one page lists. */
const mostItems = 100

/** The page of a run, its curves as JSON and CSV, and its items. */
export function runRoutes({ sql, trusted, budget, now, viewerOf, runOf, show }: PageDeps): Hono {
  const app = new Hono()

  const bucketsFor = async (
    run: string,
    asked: string | undefined,
  ): Promise<{ axis: Axis; buckets: readonly Bucket[] }> => {
    const named = axes.find((axis) => axis === asked)
    if (named !== undefined) return { axis: named, buckets: await readBuckets(sql, run, named) }
    const bursts = await readBuckets(sql, run, 'burst')
    const axis = axisOf(bursts, await readBuckets(sql, run, 'visit', 3))
    return { axis, buckets: axis === 'burst' ? bursts : await readBuckets(sql, run, axis) }
  }

  /** The run that is drawn over this one, if there is one that the viewer may see. */
  const otherOf = (c: Context): string | undefined => {
    const other = c.req.query('with') ?? ''
    return isRunName(other) && maySee(viewerOf(c), other) ? other : undefined
  }

  const curvesFor = async (c: Context) => {
    const { axis, buckets } = await bucketsFor(runOf(c), c.req.query('by'))
    const curves = curvesOf(axis, pointsOf(axis, buckets))
    const other = otherOf(c)
    if (other === undefined) return curves
    const theirs = curvesOf(axis, pointsOf(axis, await readBuckets(sql, other, axis)))
    return { ...curves, columns: [...curves.columns, ...laidOver(curves.columns, theirs.columns)] }
  }

  app.get('/runs/:run', async (c) => {
    const run = runOf(c)
    const [found, { axis, buckets }, alarms, items, history] = await Promise.all([
      readRunSums(sql, { most: 1, run }),
      bucketsFor(run, c.req.query('by')),
      readOpenAlarms(sql, { run }),
      readItems(sql, run, { order: 'spread', most: 8, after: 0 }),
      readHistory(sql, run, trusted, now()),
    ])
    const [sums] = found
    if (sums === undefined)
      throw new RequestError(404, 'not_found', `there is no run "${run}", or nothing of it is counted yet`)
    const content = (
      <Run
        sums={sums}
        alarms={alarms}
        trusted={trusted}
        budget={budget}
        axis={axis}
        points={pointsOf(axis, buckets)}
        other={otherOf(c)}
        items={items}
        verdicts={judgeRun(run, history)}
        now={now()}
      />
    )
    return show(c, { title: run, place: 'runs', content, scripts: ['charts.js'] })
  })

  app.get('/runs/:run/curves.json', async (c) => c.json(await curvesFor(c)))
  app.get('/runs/:run/curves.csv', async (c) => {
    c.header('content-disposition', `attachment; filename="${runOf(c)}.csv"`)
    return c.body(curvesCsv(await curvesFor(c)), 200, { 'content-type': 'text/csv; charset=utf-8' })
  })

  app.get('/runs/:run/items', async (c) => {
    const run = runOf(c)
    const order = itemOrders.find((one) => one === c.req.query('sort')) ?? 'spread'
    const after = intIn(c.req.query('after')) ?? 0
    const items = await readItems(sql, run, { order, most: mostItems, after })
    const more =
      items.length === mostItems ? `/dashboard/runs/${run}/items?sort=${order}&after=${after + mostItems}` : undefined
    const content = <Items run={run} items={items} order={order} more={more} />
    return show(c, { title: `Items of ${run}`, place: 'runs', content })
  })
  return app
}

/** The reward of a second run at the buckets of the first, by their places: bursts of two jobs are compared by their order. */
function laidOver(own: readonly CurveColumn[], theirs: readonly CurveColumn[]): readonly CurveColumn[] {
  const length = own[0]?.values.length ?? 0
  return theirs
    .filter(({ name }) => name === 'reward_mean' || name.startsWith('part:'))
    .map(({ name, values }) => ({
      name: `other:${name}`,
      values: Array.from({ length }, (_, at) => values[at] ?? null),
    }))
}
