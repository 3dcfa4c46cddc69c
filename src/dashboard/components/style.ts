import { raw } from 'hono/html'

/** The colours of a chart's lines, in order: the classes `c0` to `c7`. */
const colours = ['#2563eb', '#d97706', '#059669', '#dc2626', '#7c3aed', '#0891b2', '#be185d', '#4d7c0f']

/** The number of different colours of lines. */
export const colourCount = colours.length

/** The style of pages and charts, light and dark. */
export const style = raw(`
:root { color-scheme: light dark; --ink: #1d2430; --soft: #667085; --paper: #fbfbfc; --card: #fff; --line: #e3e6eb;
  --was: #9aa5b8; --now: #2f6fde; --up: #2a9d5c; --down: #d1495b; --warn: #fff4e0; --warn-ink: #7a4b00;
  --good: #e9f8f0; --good-ink: #0f6b3e; --bad: #fdecee; --bad-ink: #8f1d2c }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ef; --soft: #98a2b3; --paper: #12151b; --card: #1a1e27;
  --line: #2c3340; --was: #5d6a80; --now: #6ea0ff; --up: #4cc38a; --down: #f07a86; --warn: #3a2c12; --warn-ink: #ffd591;
  --good: #12301f; --good-ink: #8fe0b5; --bad: #3a171d; --bad-ink: #ffb3bc } }
* { box-sizing: border-box }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif }
main { max-width: 1040px; margin: 0 auto; padding: 32px 20px 64px }
h1 { font-size: 26px; margin: 0 0 4px } h2 { font-size: 17px; margin: 36px 0 10px }
a { color: inherit; text-decoration-color: var(--soft); text-underline-offset: 3px }
.soft, small { color: var(--soft) } p { margin: 4px 0 }
code { font: 13px ui-monospace, monospace; overflow-wrap: anywhere }
.note { border-radius: 8px; padding: 12px 16px; margin: 20px 0 }
.warn { background: var(--warn); color: var(--warn-ink) } .good { background: var(--good); color: var(--good-ink) }
.bad { background: var(--bad); color: var(--bad-ink) }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(210px, 1fr)); gap: 12px; margin-top: 24px }
.tile, figure { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 12px 16px }
.tile b { display: block; font-size: 22px; font-variant-numeric: tabular-nums; line-height: 1.3 }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(320px, 1fr)); gap: 16px; margin-top: 16px }
figure { margin: 0 } figcaption b { font-size: 17px; margin-right: 8px } svg { width: 100%; height: auto; font-size: 12px }
svg text { fill: var(--soft) } .grid { stroke: var(--line); fill: none } .axis { stroke: var(--soft); fill: none }
.was, .same { fill: var(--was) } .now { fill: var(--now) } .scatter circle { fill-opacity: .8 }
.up { fill: var(--up); color: var(--up) } .down { fill: var(--down); color: var(--down) }
polyline { fill: none; stroke-width: 2 }
.key { display: inline-block; margin-right: 10px; color: var(--soft); font-size: 13px }
.key svg { width: 10px; height: 10px; margin-right: 5px }
${colours.map((colour, at) => `.c${at} { fill: ${colour} } polyline.c${at} { fill: none; stroke: ${colour} }`).join('\n')}
.scroll { overflow-x: auto } table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums }
th, td { text-align: left; padding: 7px 10px; border-bottom: 1px solid var(--line); vertical-align: top }
th { color: var(--soft); font-weight: 500 } .num { text-align: right; white-space: nowrap }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 12px 16px; margin: 0 0 12px }
.card header { margin-bottom: 6px } .card header b { margin-right: 4px }
pre { margin: 6px 0; padding: 8px 12px; border-radius: 6px; background: var(--paper); border: 1px solid var(--line);
  font: 13px/1.45 ui-monospace, monospace; white-space: pre-wrap; overflow-wrap: anywhere }
pre.asked { border-left: 3px solid var(--now) } pre.note { border: 0; margin: 6px 0; padding: 8px 12px }
.pill { border-radius: 99px; padding: 1px 9px; font-size: 13px } .part { margin-right: 18px; font-variant-numeric: tabular-nums }
.reason { white-space: pre-wrap; overflow-wrap: anywhere }
summary { cursor: pointer; color: var(--soft) } details.long summary { margin: 6px 0 } details.long summary pre { color: var(--ink) }
details.long summary { list-style: none } details.long summary small::before { content: '▸ ' } details.long[open] summary small::before { content: '▾ ' }
details.long[open] > summary > pre { display: none }
dl { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: 0 14px; margin: 0 } dl pre { margin: 3px 0 }
dt { color: var(--soft); font-size: 13px; padding-top: 8px } dd { margin: 0; min-width: 0 }
td.text { min-width: 220px; overflow-wrap: anywhere; white-space: pre-wrap }
`)
