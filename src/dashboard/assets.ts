import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** A file that the pages load. */
export interface Asset {
  readonly body: string
  readonly type: string
  readonly etag: string
}

const folder = fileURLToPath(new URL('./assets/', import.meta.url))

/** The stylesheets of every page, in the order in which they apply. */
export const stylesheets: readonly string[] = [
  'base.css',
  'panels.css',
  'lists.css',
  'charts.css',
  'rollout.css',
  'phone.css',
]
const scripts = ['charts.js', 'keys.js', 'folds.js', 'live.js', 'theme.js']

/** Reads the stylesheets and scripts of the dashboard, by their names. */
export function readAssets(): ReadonlyMap<string, Asset> {
  const uplot = dirname(createRequire(import.meta.url).resolve('uplot'))
  const files = [
    ...[...stylesheets, ...scripts].map((name) => [name, join(folder, name)] as const),
    ['uplot.js', join(uplot, 'uPlot.esm.js')] as const,
    ['uplot.css', join(uplot, 'uPlot.min.css')] as const,
  ]
  return new Map(
    files.map(([name, path]) => {
      const body = readFileSync(path, 'utf8')
      const type = name.endsWith('.css') ? 'text/css; charset=utf-8' : 'text/javascript; charset=utf-8'
      return [name, { body, type, etag: `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"` }]
    }),
  )
}
