import type { DatasetItem } from '../../workbench/simulate/agent.ts'
import type { RolloutTrace } from '../../workbench/simulate/trace.ts'

/** What {@link whatNext} shows. */
export interface Shown {
  readonly url: string
  /** The key of the server, if it asks for one. */
  readonly key: string | undefined
  readonly item: DatasetItem
  /** A rollout of the item that called a tool. */
  readonly trace: RolloutTrace
}

/**
 * What to try after the demo: a tool call and a grading of one rollout, as commands for a shell that can be run again.
 * Both name the rollout and send the same item, as a trainer does.
 */
export function whatNext({ url, key, item, trace }: Shown): string {
  const header = key === undefined ? '' : ` -H 'authorization: Bearer ${key}'`
  const quoted = (value: object) => `'${JSON.stringify(value).replaceAll("'", "'\\''")}'`
  const body = (fields: object) =>
    quoted({ trace_id: '$id', ...fields, item: '$item' })
      .replace('"$id"', `"'$id'"`)
      .replace('"$item"', `'"$item"'`)
  const { tools: _, messages, ...rest } = item
  const [call] = trace.calls
  const calls = call ? [`  curl ${url}/tools/${call.tool}${header} -d ${body({ arguments: call.arguments })}`] : []
  return [
    'The server is still running; Ctrl-C stops it. Try next, in another terminal:',
    '',
    '  id=my-rollout-$(date +%s)',
    `  item=${quoted({ messages: messages.slice(-1), ...rest })}`,
    ...calls,
    `  curl ${url}/grade${header} -d ${body({ sample: { output_text: trace.output_text } })}`,
    `  curl ${url}/tools${header}`,
    '',
    'The first line begins a new rollout. The same grading again returns the stored score.',
    'Your own tools go into tools/, your graders into graders/. README.md shows how; `npm run dev` restarts on save.',
  ].join('\n')
}
