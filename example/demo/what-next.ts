import type { DatasetRow } from '../corpus/dataset.ts'

/**
 * What to try after the demo: a tool call and a grading of one rollout, which a shell takes as they stand, as often as one
 * likes. Both name the rollout and bring the same item, as a trainer's do.
 */
export function whatNext(url: string, key: string | undefined, row: DatasetRow): string {
  const header = key === undefined ? '' : ` -H 'authorization: Bearer ${key}'`
  const quoted = (value: object) => `'${JSON.stringify(value).replaceAll("'", "'\\''")}'`
  const question = row.messages.at(-1)?.content ?? ''
  const { reference_answer, gold_path } = row
  const item = { messages: [{ role: 'user', content: question }], reference_answer, gold_path }
  const body = (fields: object) =>
    `${quoted({ trace_id: '$id', ...fields, item: '$item' })}`
      .replace('"$id"', `"'$id'"`)
      .replace('"$item"', `'"$item"'`)
  return [
    'The server goes on running; Ctrl-C stops it. Try next, in another terminal:',
    '',
    '  id=my-rollout-$(date +%s)',
    `  item=${quoted(item)}`,
    `  curl ${url}/tools/search${header} -d ${body({ arguments: { query: question } })}`,
    `  curl ${url}/graders/finqa${header} -d ${body({ sample: { output_text: reference_answer } })}`,
    `  curl ${url}/tools${header}`,
    '',
    'A rollout may make ten calls; the first line begins a new one. The same grading again gives the stored score.',
    'Your own tools go into tools/, your graders into graders/; README.md shows how, npm run dev reloads on save.',
  ].join('\n')
}
