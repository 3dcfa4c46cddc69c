import { html } from 'hono/html'
import { style } from './style.ts'

/** A piece of HTML; text in a template of `html` is escaped. */
export type Html = ReturnType<typeof html>

/**
 * A page of HTML in one file: no scripts, nothing loaded from elsewhere.
 *
 * @example await page('Report', html`<p>${text}</p>`)
 */
export async function page(title: string, content: Html | readonly Html[]): Promise<string> {
  const whole = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<style>${style}</style>
</head>
<body><main>
<h1>${title}</h1>
${content}
</main></body>
</html>
`
  return String(await whole)
}

/** Removes control characters and those that change the text direction from text of unknown origin. */
export const visible = (text: string): string => text.replace(/[\p{Cc}\p{Cf}]/gu, (one) => (one === '\n' ? one : ' '))

/** A figure of {@link tiles}, and its label. */
export type Tile = readonly [figure: string, name: string]

/** Figures side by side. */
export const tiles = (all: readonly Tile[]): Html =>
  html`<div class="tiles">${all.map(
    ([figure, name]) => html`<div class="tile"><b>${figure}</b><small>${name}</small></div>`,
  )}</div>`

/** A column of a {@link table}: its heading and alignment. */
export type Column = readonly [heading: string, kind?: 'num' | 'text']

/** A table under its title; nothing if there are no rows. */
export function table(
  title: string,
  columns: readonly Column[],
  rows: readonly (readonly (string | Html)[])[],
): Html | '' {
  if (rows.length === 0) return ''
  const kind = (at: number) => columns[at]?.[1] ?? ''
  const head = columns.map(([heading], at) => html`<th class="${kind(at)}">${heading}</th>`)
  const body = rows.map(
    (row) => html`<tr>${row.map((cell, at) => html`<td class="${kind(at)}">${cell}</td>`)}</tr>
`,
  )
  return html`<h2>${title}</h2>
<div class="scroll"><table><thead><tr>${head}</tr></thead><tbody>
${body}</tbody></table></div>`
}
