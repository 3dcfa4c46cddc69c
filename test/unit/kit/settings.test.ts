import { describe, expect, expectTypeOf, it } from 'vitest'
import { z } from 'zod'
import { defineEnvironment } from '../../../src/kit/define.ts'
import { gradersWithSettings } from '../../../src/kit/define-grader.ts'
import { toolsWithSettings } from '../../../src/kit/define-tool.ts'
import type { NoSettings } from '../../../src/kit/environment.ts'

const parts = { task: z.object({}), reference: z.object({}), state: z.object({}) }
const { defineTool, defineGrader, settings } = defineEnvironment({
  ...parts,
  settings: z.object({
    MAIL_URL: z.url().describe('where mail is sent'),
    MAIL_KEY: z.string().min(8),
    MAX_MAILS: z.coerce.number().int().min(1).default(3),
    REGION: z.enum(['eu', 'us']).optional(),
  }),
})

const send = defineTool({
  name: 'send',
  description: 'Sends.',
  input: z.object({}),
  effects: 'external',
  run({ settings }) {
    expectTypeOf(settings).toEqualTypeOf<{
      MAIL_URL: string
      MAIL_KEY: string
      MAX_MAILS: number
      REGION?: 'eu' | 'us' | undefined
    }>()
    return settings
  },
})
const write = defineTool({
  name: 'write',
  description: 'Writes.',
  input: z.object({}),
  effects: 'database',
  run: ({ settings }) => settings.MAX_MAILS,
})
const sent = defineGrader({ name: 'sent', version: '1', grade: ({ settings }) => settings.MAX_MAILS / 10 })

const env = { MAIL_URL: 'https://mail.example.com/v1', MAIL_KEY: 'correct-horse', PATH: '/bin', REGION: '' }

function readSettings(given: Record<string, string> = env) {
  const read = settings.read(given)
  if (!read.ok) throw new Error(read.problems.join('; '))
  return read.settings
}

/** The parts of a context that these tools and graders do not use. */
const never = new AbortController().signal
const unused = { db: z.custom<never>().parse(undefined), embed: undefined }
const callOf = { run: 'default', rolloutId: 'r', callId: 'c', execution: 1, readState: async () => ({}), ...unused }

async function run(tool: typeof send): Promise<unknown> {
  if (tool.effects !== 'external') throw new Error('another tool')
  const opened = tool.open({}, {})
  return opened.fits ? JSON.parse((await opened.run({ ...callOf, signal: () => never })).output) : undefined
}

describe('settings of an environment', () => {
  it('are passed to tools and graders as parsed by their schema, without other variables', async () => {
    const [bound = send] = toolsWithSettings([send], readSettings())
    expect(await run(bound)).toEqual({ MAIL_URL: env.MAIL_URL, MAIL_KEY: env.MAIL_KEY, MAX_MAILS: 3 })
    const [grader = sent] = gradersWithSettings([{ ...sent, codeHash: 'abc' }], readSettings())
    expect(grader.codeHash).toBe('abc')
    const opened = grader.open({})
    if (!opened.fits) throw new Error(opened.message)
    const judge = () => Promise.reject(new Error('no judge'))
    const rollout = {
      run: 'default',
      rolloutId: 'r',
      sample: { output_text: '' },
      trajectory: [],
      stored: null,
      judge,
    }
    expect(await opened.run({ ...rollout, ...unused, signal: never })).toEqual({ score: 0.3 })
  })

  it('differ between two servers of one process', async () => {
    const [one = send, other = send] = ['one-secret', 'other-secret'].flatMap((MAIL_KEY) =>
      toolsWithSettings([send], readSettings({ ...env, MAIL_KEY })),
    )
    expect(await run(one)).toMatchObject({ MAIL_KEY: 'one-secret' })
    expect(await run(other)).toMatchObject({ MAIL_KEY: 'other-secret' })
  })

  it('are parsed again by a tool of another environment, which names its missing variables', () => {
    const other = defineEnvironment({ ...parts, settings: z.object({ SHOP: z.string().min(1) }) })
    const tool = other.defineTool({
      ...{ name: 'shop', description: 'Shops.', input: z.object({}) },
      effects: 'none',
      run: ({ settings }) => settings.SHOP,
    })
    expect(() => toolsWithSettings([tool], readSettings())).toThrow(
      'SHOP is not set; it must have at least 1 character',
    )
    expect(toolsWithSettings([tool], readSettings({ ...env, SHOP: 'here' }))).toHaveLength(1)
  })

  it('have their defaults if they were not read; a tool names required ones that are missing', async () => {
    await expect(run(send)).rejects.toThrow('the settings cannot be read: MAIL_URL is not set; it must be a URL')
    const bare = defineEnvironment(parts)
    const tool = bare.defineTool({
      ...{ name: 'bare', description: 'Bare.', input: z.object({}) },
      effects: 'external',
      run({ settings }) {
        expectTypeOf(settings).toEqualTypeOf<NoSettings>()
        return settings
      },
    })
    expect(await run(tool)).toEqual({})
    expect(bare.settings.variables).toEqual([])
    expect(tool.withSettings).toBeUndefined()
  })

  it('are typed: an undeclared name does not compile', () => {
    defineTool({
      ...{ name: 'typed', description: 'Typed.', input: z.object({}) },
      effects: 'none',
      // @ts-expect-error MAIL_PORT is not a setting.
      run: ({ settings }) => String(settings.MAIL_PORT),
    })
    expect(write.effects).toBe('database')
  })
})

describe('a missing or invalid setting', () => {
  const problems = (given: Record<string, string>) => {
    const read = settings.read(given)
    return read.ok ? [] : read.problems
  }

  it('is reported with its value, unless it is secret, and its requirement', () => {
    expect(problems({})).toEqual([
      'MAIL_URL is not set; it must be a URL (where mail is sent)',
      'MAIL_KEY is not set; it must have at least 8 characters',
    ])
    expect(problems({ ...env, MAIL_KEY: 'short', MAX_MAILS: 'many', REGION: 'asia' })).toEqual([
      'MAIL_KEY must have at least 8 characters',
      'MAX_MAILS was "many"; it must be a number',
      'REGION was "asia"; it must be one of "eu", "us"',
    ])
    expect(problems({ ...env, MAX_MAILS: '0' })).toEqual(['MAX_MAILS was "0"; it must be at least 1'])
  })

  it('is reported without its value if that has a user, a password or a query, or is marked secret', () => {
    const { settings } = defineEnvironment({
      ...parts,
      settings: z.object({
        SHOP: z.url({ protocol: /^https$/ }),
        PLACE: z.string().max(3).meta({ secret: true }),
        KEYBOARD: z.enum(['qwerty']).meta({ secret: false }),
      }),
    })
    const read = settings.read({ SHOP: 'http://me:hunter2@shop.example.com', PLACE: 'moon base', KEYBOARD: 'dvorak' })
    expect(read).toEqual({
      ok: false,
      problems: [
        'SHOP must be a URL',
        'PLACE must have at most 3 characters',
        'KEYBOARD was "dvorak"; it must be "qwerty"',
      ],
    })
  })

  it('must have a valid name for an environment variable', () => {
    expect(() => defineEnvironment({ ...parts, settings: z.object({ 'mail url': z.string() }) })).toThrow(
      'invalid setting name "mail url"',
    )
  })
})

describe('the list of settings', () => {
  it('shows which are required and which are secret', () => {
    expect(settings.variables).toEqual([
      { name: 'MAIL_URL', description: 'where mail is sent', isSecret: false, isRequired: true },
      { name: 'MAIL_KEY', description: undefined, isSecret: true, isRequired: true },
      { name: 'MAX_MAILS', description: undefined, isSecret: false, isRequired: false },
      { name: 'REGION', description: undefined, isSecret: false, isRequired: false },
    ])
  })

  it('lists what the log redacts: values of at least four characters, and the secret parts of URLs', () => {
    const given = { ...env, MAIL_URL: 'https://me%40x:pa%2Fss@mail.example.com/?key=k-123', MAX_MAILS: '7' }
    expect(readSettings(given).hidden).toEqual(
      expect.arrayContaining([given.MAIL_URL, 'me@x', 'pa/ss', 'k-123', 'correct-horse']),
    )
    expect(readSettings(given).hidden).not.toContain('7')
  })
})
