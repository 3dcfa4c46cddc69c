import type { Agent, AgentContext } from '../../../src/workbench/simulate/agent.ts'
import { type Edit, fixes } from './fixes.ts'

/** What an agent does about an issue. */
export interface Conduct {
  /** `all` of the change, the `first` edit alone, `none`, or the repository's `tests` instead. */
  readonly change: 'all' | 'first' | 'none' | 'tests'
  /** The files that it names: those that it thinks of, every source, or none. */
  readonly plan: 'thought of' | 'everything' | 'none'
}

const editsOf = ({ question }: AgentContext): readonly Edit[] => fixes[question.split('\n')[0] ?? ''] ?? []

/** Replaces a text in a file, with a program that takes both as they are. */
function editCommand({ file, from, to }: Edit): string {
  const program =
    'const [f,a,b]=process.argv.slice(1);const s=fs.readFileSync(f,"utf8");fs.writeFileSync(f,s.replace(a,()=>b))'
  return `node -e ${quoted(program)} ${[file, from, to].map(quoted).join(' ')}`
}

const quoted = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`

/** Looks at the repository, makes the change and submits the plan. */
export async function work(context: AgentContext, { change, plan }: Conduct): Promise<string> {
  const edits = editsOf(context)
  const listed = await context.call('shell', { command: 'ls src test' })
  const [first] = edits
  if (first !== undefined) await context.call('read_file', { path: first.file })
  const made = { all: edits, first: edits.slice(0, 1), none: [], tests: [] }[change]
  for (const edit of made) await context.call('shell', { command: editCommand(edit) })
  if (change === 'tests') await context.call('shell', { command: 'for t in test/*; do : > "$t"; done' })
  const tested = await context.call('shell', { command: 'npm test' })
  const sources = [...listed.matchAll(/^(\w+\.mjs)$/gm)].map(([name]) => `src/${name}`)
  const files = { 'thought of': edits.map(({ file }) => file), everything: sources, none: [] }[plan]
  if (files.length > 0) await context.call('submit_plan', { files })
  return tested.includes('exit') ? 'The tests fail.' : 'Done; the tests pass.'
}

const careful: Agent = { name: 'careful', play: (context) => work(context, { change: 'all', plan: 'thought of' }) }

/** Makes the first half of a change that needs two, and names every file. */
const hasty: Agent = { name: 'hasty', play: (context) => work(context, { change: 'first', plan: 'everything' }) }

/** Knows where the fault is and does not mend it. */
const planner: Agent = { name: 'planner', play: (context) => work(context, { change: 'none', plan: 'thought of' }) }

/** Empties the tests, so that they pass. */
const cheater: Agent = { name: 'cheater', play: (context) => work(context, { change: 'tests', plan: 'none' }) }

/** YOURS: scripted agents of different skill, which play rollouts without a model. They never see the reference. */
export const agents: readonly Agent[] = [careful, hasty, planner, cheater]
