import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'

// What Grafana's schema of dashboards asks for, as far as it concerns this file: strict, so that a misspelled name is found.
const count = z.number().int().nonnegative()
const datasource = z.strictObject({ type: z.literal('prometheus'), uid: z.literal('$' + '{datasource}') })
const place = z
  .strictObject({ x: count, y: count, w: count.min(1), h: count.min(1) })
  .refine(({ x, w }) => x + w <= 24, 'a dashboard has 24 columns')
const target = z.strictObject({
  refId: z.string().regex(/^[A-Z]$/),
  expr: z.string().min(1),
  legendFormat: z.string().optional(),
})
const series = z.strictObject({
  id: count,
  type: z.literal('timeseries'),
  title: z.string().min(1),
  description: z.string().optional(),
  datasource,
  gridPos: place,
  fieldConfig: z.strictObject({
    defaults: z.strictObject({
      unit: z.enum(['none', 'ops', 'reqps', 's', 'bytes', 'percentunit']),
      min: z.number().optional(),
      max: z.number().optional(),
    }),
    overrides: z.tuple([]),
  }),
  targets: z.array(target).min(1),
})
const row = z.strictObject({
  id: count,
  type: z.literal('row'),
  title: z.string().min(1),
  collapsed: z.literal(false),
  gridPos: place,
  panels: z.tuple([]),
})
const dashboard = z.strictObject({
  title: z.string(),
  uid: z.string().max(40),
  schemaVersion: count.min(36),
  version: count,
  refresh: z.string().regex(/^\d+[smh]$/),
  time: z.strictObject({ from: z.string().startsWith('now-'), to: z.literal('now') }),
  tags: z.array(z.string()),
  annotations: z.strictObject({ list: z.tuple([]) }),
  templating: z.strictObject({
    list: z.tuple([
      z.strictObject({ name: z.literal('datasource'), type: z.literal('datasource'), query: z.literal('prometheus') }),
    ]),
  }),
  panels: z.array(z.discriminatedUnion('type', [series, row])),
})

const read = () =>
  dashboard.parse(JSON.parse(readFileSync(new URL('../../../deploy/grafana/dashboard.json', import.meta.url), 'utf8')))

describe('the dashboard for Grafana', () => {
  it('has the fields of Grafana’s schema and no others, and asks which Prometheus to use', () => {
    expect(read().panels.length).toBeGreaterThan(20)
  })

  it('has panels with ids and places of their own', () => {
    const { panels } = read()
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length)
    const squares = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, n) => `${x + (n % w)},${y + Math.floor(n / w)}`),
    )
    expect(new Set(squares).size).toBe(squares.length)
  })

  it('has queries with names of their own, whose legends name labels that the query keeps', () => {
    for (const panel of read().panels) {
      if (panel.type === 'row') continue
      const { title, targets } = panel
      expect([title, new Set(targets.map(({ refId }) => refId)).size]).toEqual([title, targets.length])
      for (const { expr, legendFormat = '' } of targets) {
        const kept = new Set([...expr.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, names = '']) => names.split(/, */)))
        const named = [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, name]) => name)
        if (kept.size > 0) expect([expr, named.filter((name) => !kept.has(name ?? ''))]).toEqual([expr, []])
        expect(expr).not.toMatch(/\$(?!__rate_interval\b)/)
      }
    }
  })
})
