/** A column: its heading and alignment. */
export type TextColumn = readonly [heading: string, align?: 'left' | 'right']

/**
 * A table for the terminal, with two spaces between columns. A last column without any text is left out.
 *
 * @example textTable([['run'], ['rollouts', 'right']], [['default', '12']])
 */
export function textTable(columns: readonly TextColumn[], rows: readonly (readonly string[])[]): string {
  const shown = columns.filter((_, at) => at < columns.length - 1 || rows.some((row) => row[at]))
  const widths = shown.map(([heading], at) => Math.max(heading.length, ...rows.map((row) => row[at]?.length ?? 0)))
  const line = (cells: readonly string[]) =>
    shown
      .map(([, align = 'left'], at) => {
        const cell = cells[at] ?? ''
        return align === 'right' ? cell.padStart(widths[at] ?? 0) : cell.padEnd(widths[at] ?? 0)
      })
      .join('  ')
      .trimEnd()
  return [line(shown.map(([heading]) => heading)), ...rows.map(line)].join('\n')
}
