import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineTool, post, testApp, toolCall } from '../../support/app.ts'
import { useDatabase } from '../../support/database.ts'

const database = useDatabase()

const list = defineTool({
  name: 'list',
  description: 'Lists.',
  input: z.looseObject({ path: z.string().optional() }),
  effects: 'none',
  run: ({ input }) => JSON.stringify(input),
})
const other = defineTool({
  name: 'other_tool',
  description: 'Does else.',
  input: z.object({}),
  effects: 'none',
  run: () => 'other',
})
const app = testApp(database, { tools: [list, other], budget: undefined })

const bodyOf = (call: string, args: unknown) => ({ ...toolCall('list', 'requests', call), arguments: args })

describe('the arguments of a call', () => {
  it.each([
    ['null', null],
    ['missing', undefined],
    ['the text null', 'null'],
    ['the text null with spaces', ' null\n'],
    ['an empty text', ''],
    ['spaces', '  '],
  ])('are an empty object if they are %s', async (kind, args) => {
    expect((await post(app, '/tools/list', bodyOf(`empty ${kind}`, args))).body.output).toBe('{}')
  })

  it('are decoded if they were encoded twice, and make the same call', async () => {
    const object = { path: 'a "b"' }
    const once = JSON.stringify(object)
    const first = await post(app, '/tools/list', bodyOf('twice', JSON.stringify(once)))
    const second = await post(app, '/tools/list', bodyOf('twice', once))
    const third = await post(app, '/tools/list', bodyOf('twice', object))
    expect([first, second, third].map(({ body }) => body.output)).toEqual([once, once, once])
    expect(third.headers.get('x-replayed')).toBe('true')
    const [row] = await database.sql`select arguments from ledger.calls where call_id = 'twice'`
    expect(row).toEqual({ arguments: object })
  })

  it.each(['"a text"', '"{ not json"', '"[1]"', '7', '[1]'])('are refused if they are %s', async (args) => {
    const { status, body } = await post(app, '/tools/list', bodyOf(`refused ${args}`, args))
    expect([status, body.output]).toEqual([200, expect.stringContaining('invalid arguments')])
  })
})

describe('the name of a tool', () => {
  it.each(['functions.list', ' list ', 'list/', ' functions.list/ '])(
    'is found in "%s", and the call is recorded under its name',
    async (name) => {
      const call = toolCall(name, 'names', `by ${name}`)
      expect((await post(app, '/tools', call)).body.output).toBe('{}')
      const retry = await post(app, '/tools/list', { ...call, name: 'list' })
      expect([retry.body.output, retry.headers.get('x-replayed')]).toEqual(['{}', 'true'])
      const rows = await database.sql`select tool from ledger.calls where call_id = ${`by ${name}`}`
      expect(rows).toEqual([{ tool: 'list' }])
    },
  )

  it('is found in an address with a trailing slash', async () => {
    expect((await post(app, '/tools/list/', toolCall('list', 'names', 'slash'))).body.output).toBe('{}')
    expect((await post(app, '/tools/functions.list', toolCall('', 'names', 'prefix'))).body.output).toBe('{}')
  })

  it.each(['list<|channel|>commentary', 'functions.list<|channel|>json', 'functions.list:0', 'List', 'list()'])(
    'is suggested if the model writes "%s", and the call is refused',
    async (name) => {
      const { status, body } = await post(app, '/tools', toolCall(name, 'names', `refused ${name}`))
      const says = `there is no tool "${name}"; call "list" by this name alone; the tools are: list, other_tool`
      expect([status, body.output]).toEqual([200, says])
      const rows = await database.sql`select outcome, code from ledger.calls where call_id = ${`refused ${name}`}`
      expect(rows).toEqual([{ outcome: 'refused', code: 'unknown_tool' }])
    },
  )

  it('is not guessed if no part of it is the name of a tool', async () => {
    const { body } = await post(app, '/tools', toolCall('listing', 'names', 'unknown'))
    expect(body.output).toBe('there is no tool "listing"; the tools are: list, other_tool')
  })
})
