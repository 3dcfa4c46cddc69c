import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { ask } from '../../support/hostile/answers.ts'
import { openArena, readBack } from '../../support/hostile/arena.ts'

let arena: Awaited<ReturnType<typeof openArena>>

beforeAll(async () => {
  arena = await openArena()
})

afterAll(() => arena.close())

const calling = (body: unknown): RequestInit => ({ method: 'POST', body: JSON.stringify(body) })

/** The heap in use after a garbage collection, in bytes. */
async function heap(): Promise<number> {
  setFlagsFromString('--expose-gc')
  const collect = z.function().parse(runInNewContext('gc'))
  await new Promise((resolve) => setTimeout(resolve, 50))
  collect()
  return process.memoryUsage().heapUsed
}

describe('ten thousand names of tools that do not exist', () => {
  it('are each refused with a message, without growing the memory or long log lines', async () => {
    const app = arena.replica()
    const described = await ask(app, '/openapi.json', { method: 'GET' })
    const listed = await ask(app, '/tools', { method: 'GET' })
    const callAll = async (from: number, to: number) => {
      for (let at = from; at < to; at += 500) {
        await Promise.all(
          Array.from({ length: 500 }, async (_, n) => {
            // Two bytes per character, so that ten thousand names would be visible in the heap.
            const name = `${at + n}-${'名'.repeat(240)}`
            const trace_id = `names-${at + n}`
            const [path, body] =
              n % 2 === 0 ? ['/tools', { name, trace_id }] : [`/tools/${encodeURIComponent(name)}`, { trace_id }]
            const { status, text } = await ask(app, path, calling(body))
            if (status !== 200 || text.length > 500) throw new Error(`${status} ${text}`)
          }),
        )
      }
    }
    await callAll(0, 1_000)
    const before = await heap()
    await callAll(1_000, 11_000)
    expect((await heap()) - before).toBeLessThan(4_000_000)
    expect(await ask(app, '/openapi.json', { method: 'GET' })).toEqual(described)
    expect(await ask(app, '/tools', { method: 'GET' })).toEqual(listed)
    expect(arena.log.lines.every((line) => JSON.stringify(line).length < 1_000)).toBe(true)
  }, 120_000)
})

describe('a name', () => {
  it.each([
    ['slashes', 'a/b/../c'],
    ['dots', '..'],
    ['one dot', '.'],
    ['a percent sign', '100%'],
    ['percent-encodings', '%2e%2e%2f%00'],
    ['a query', 'list?x=1#y'],
    ['a space within', 'li st'],
    ['a line break', 'list\r\nx-evil: 1'],
    ['U+0000', 'list\u0000'],
    ['capitals', 'LIST'],
    ['full-width letters', 'ｌｉｓｔ'],
    ['the name of a method of every object', 'constructor'],
    ['the prototype', '__proto__'],
  ])('with %s is that of no tool: the model is told which there are', async (_, name) => {
    const app = arena.replica()
    const answers = [await ask(app, '/tools', calling({ name, trace_id: 'odd', call_id: name }))]
    // URLs drop dot segments.
    if (!/^\.+$/.test(name)) {
      const path = `/tools/${encodeURIComponent(name)}`
      answers.push(await ask(app, path, calling({ trace_id: 'odd', call_id: `${name}, by its address` })))
    }
    for (const { status, text } of answers) {
      expect([status, JSON.parse(text)]).toMatchObject([
        200,
        { output: expect.stringMatching(/^there is no tool .*; the tools are: reads, /) },
      ])
    }
    const grading = { sample: { output_text: '' }, trace_id: 'odd' }
    expect((await ask(app, `/graders/${encodeURIComponent(`x${name}`)}`, calling(grading))).status).toBe(404)
  })

  it('in an address with more slashes or with dot segments is not found', async () => {
    const app = arena.replica()
    for (const path of ['/tools/a/b', '/tools//list', '/tools/../../etc/passwd', '/tools/%2e%2e/list']) {
      expect([path, (await ask(app, path, calling({}))).status]).toEqual([path, 404])
    }
  })
})

describe('an id or a name that is too long', () => {
  it.each(['id', 'call_id', 'trace_id', 'name'])(
    'as %s is refused with a short answer, be it a megabyte or 257 characters',
    async (field) => {
      const app = arena.replica()
      for (const length of [257, 1_000_000]) {
        const { status, text } = await ask(app, '/tools', calling({ name: 'reads', [field]: 'é'.repeat(length) }))
        expect([status, text.length < 500]).toEqual([length === 257 ? 400 : 413, true])
      }
      const ascii = await ask(app, '/tools', calling({ name: 'reads', [field]: 'x'.repeat(1_000_000) }))
      expect([ascii.status, ascii.text.length < 500]).toEqual([400, true])
    },
  )

  it('in the address is refused, while one of 256 characters of any kind is answered and can be read back', async () => {
    const app = arena.replica()
    const longest = '\u{FFFD}'.repeat(256)
    const whole = { id: longest, call_id: longest, trace_id: longest, arguments: { [longest]: longest } }
    expect((await ask(app, `/tools/${encodeURIComponent(longest)}`, calling(whole))).status).toBe(200)
    expect((await ask(app, '/tools/writes', calling({ ...whole, call_id: `${longest.slice(1)}x` }))).status).toBe(200)
    for (const path of ['/tools', '/graders']) {
      const { status, text } = await ask(
        app,
        `${path}/${'x'.repeat(8_000)}`,
        calling({ ...whole, sample: { output_text: '' } }),
      )
      expect([status, text.length < 500]).toEqual([400, true])
    }
    await readBack(arena.home)
  })
})
