import { beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { contentHash } from '../../../src/base/json.ts'
import { defineEnvironment } from '../../../src/kit/define.ts'
import { ToolError } from '../../../src/kit/errors.ts'
import { gradingOf, post, testApp, toolCall } from '../../support/app.ts'
import { useDatabase } from '../../support/database.ts'

const database = useDatabase()
const { sql } = database
const hide = (value: unknown): unknown => JSON.parse(JSON.stringify(value ?? null).replaceAll(/secret-\w+/g, '[gone]'))

const environment = defineEnvironment({
  task: z.object({ name: z.string() }),
  reference: z.object({}),
  state: z.object({}),
  redact: {
    item: hide,
    arguments: (_, args) => hide(args),
    output: (_, output) => String(hide(output)),
  },
})
const run = ({ input, task }: { input: { text: string }; task: { name: string } }) => {
  if (input.text === 'secret-refused') throw new ToolError(`${input.text} is not allowed`)
  if (input.text === 'secret-failed') throw new Error(`no ${input.text} for ${task.name}`)
  return `${input.text} of ${task.name}`
}
const head = { description: 'Say.', input: z.object({ text: z.string() }) }
const tools = [
  environment.defineTool({ ...head, name: 'none', effects: 'none', run }),
  environment.defineTool({ ...head, name: 'database', effects: 'database', run }),
  environment.defineTool({ ...head, name: 'external', effects: 'external', run }),
]
let seen: unknown
const graders = [
  environment.defineGrader({
    name: 'sees',
    version: '1',
    grade({ task, trajectory }) {
      seen = { task, trajectory: trajectory.map(({ arguments: args, output }) => [args, output]) }
      return 1
    },
  }),
]
const app = testApp(database, { tools, graders, redaction: environment.redact })
const item = { name: 'secret-name' }

describe.each(['none', 'database', 'external'])('a tool with effects %s', (tool) => {
  const call = (id: string, text: string) => post(app, '/tools', toolCall(tool, `of ${tool}`, id, { text }, item))

  it('gets the originals, and the model reads the original output; a retry gets what is stored', async () => {
    expect((await call('c1', 'secret-one')).body.output).toBe('secret-one of secret-name')
    expect((await call('c1', 'secret-one')).body.output).toBe('[gone] of [gone]')
  })

  it('tells calls apart by their original arguments', async () => {
    expect((await call('c1', 'secret-two')).body.output).toBe('secret-two of secret-name')
  })

  it('refuses with the original text', async () => {
    expect((await call('c2', 'secret-refused')).body.output).toBe('secret-refused is not allowed')
  })
})

it('a grader gets the original item and the stored calls; the identity of an item is that of the original', async () => {
  const graded = await post(app, '/graders/sees', gradingOf('of none', 'done', item))
  expect(graded.status).toBe(200)
  expect(seen).toMatchObject({
    task: item,
    trajectory: [
      [{ text: '[gone]' }, '[gone] of [gone]'],
      [{ text: '[gone]' }, '[gone] of [gone]'],
      [{}, '[gone] is not allowed'],
    ],
  })
  expect(await sql`select hash, content from items`).toEqual([{ hash: contentHash(item), content: { name: '[gone]' } }])
})

describe('what is stored', () => {
  beforeAll(async () => {
    await post(app, '/tools', toolCall('none', 'failing', 'c1', { text: 'secret-failed' }, item))
  })

  it('has no original anywhere, also of a call that failed', async () => {
    const tables = ['items', 'rollouts', 'tool_calls', 'grades']
    const texts = await Promise.all(tables.map((name) => sql`select t::text as row from ${sql(name)} t`))
    expect(texts.flat().length).toBeGreaterThan(10)
    expect(texts.flat().filter(({ row }) => String(row).includes('secret-'))).toEqual([])
  })
})
