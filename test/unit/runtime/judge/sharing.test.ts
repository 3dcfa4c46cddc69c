import { describe, expect, it } from 'vitest'
import { type Answer, apiError, completion, verdict } from '../../../support/judge/model-server.ts'
import { serving } from '../../../support/judge/serving.ts'

const serve = serving()

/** A behaviour that holds its answers until they are released, oldest first. */
function holding() {
  const held: ((reply: Answer) => void)[] = []
  const most = { held: 0 }
  const behave = () =>
    new Promise<Answer>((resolve) => {
      most.held = Math.max(most.held, held.push(resolve))
    })
  const release = (reply: Answer) => held.splice(0).forEach((resolve) => void resolve(reply))
  return { held, most, behave, release }
}

describe('all rollouts together', () => {
  it('have at most the allowed number of requests in flight, and all are answered', async () => {
    const { held, most, behave } = holding()
    const { server, ask } = await serve(behave, { concurrency: 3 })
    const asked = Array.from({ length: 10 }, (_, n) => ask({ answer: `answer ${n}` }))
    for (let answered = 0; answered < 10; answered += 1) {
      const inFlight = Math.min(3, 10 - answered)
      await expect.poll(() => held.length).toBe(inFlight)
      held.shift()?.(verdict(0.5))
    }
    expect((await Promise.all(asked)).map(({ score }) => score)).toEqual(Array(10).fill(0.5))
    expect(most.held).toBe(3)
    expect(server.requests).toHaveLength(10)
  })

  it('are served in the order of their requests, without those that leave the queue', async () => {
    const { held, behave } = holding()
    const { server, judge } = await serve(behave, { concurrency: 1 })
    const leaving = new AbortController()
    const staying = new AbortController()
    const asked = ['first', 'second', 'third', 'fourth'].map((answer) =>
      judge({ prompt: 'p', answer }, answer === 'second' ? leaving.signal : staying.signal),
    )
    const second = expect(asked[1]).rejects.toThrow('no longer')
    await expect.poll(() => held.length).toBe(1)
    leaving.abort(new Error('no longer'))
    await second
    for (let n = 0; n < 3; n += 1) {
      await expect.poll(() => held.length).toBe(1)
      held.shift()?.(verdict(1))
    }
    await Promise.all([asked[0], asked[2], asked[3]])
    const order = server.requests.map(({ body }) => String(body.messages[1]?.content).split('\n')[1])
    expect(order).toEqual(['first', 'third', 'fourth'])
  })

  it('can ask many questions with one signal without a warning from Node', async () => {
    const warnings: string[] = []
    const note = ({ message }: Error) => void warnings.push(message)
    process.on('warning', note)
    const { judge } = await serve(() => verdict(1))
    const { signal } = new AbortController()
    await Promise.all(Array.from({ length: 30 }, (_, n) => judge({ prompt: 'p', answer: `${n}` }, signal)))
    await new Promise((resolve) => void setImmediate(resolve))
    process.off('warning', note)
    expect(warnings).toEqual([])
  })

  it('return their slot after a fault', async () => {
    const { ask } = await serve((_, n) => (n === 1 ? apiError(401, 'no') : verdict(1)), { concurrency: 1 })
    await expect(ask()).rejects.toThrow('refused')
    expect((await ask()).score).toBe(1)
  })
})

describe('an answer', () => {
  it('is cached, and costs nothing the second time', async () => {
    const { server, ask, client } = await serve(() => verdict(0.5, 'so so'))
    const first = await ask()
    const none = { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0, cached_tokens: 0 }
    expect(await ask()).toEqual({ ...first, usage: none })
    expect(server.requests).toHaveLength(1)
    expect(client.usage().get('m')).toEqual(first.usage)
  })

  it('is used for that question only: any change asks again', async () => {
    const { server, ask } = await serve(() => verdict(0.5))
    const changes = [
      {},
      { prompt: 'Is it short?' },
      { answer: 'Please leave.' },
      { model: 'n' },
      { range: [0, 2] as const },
      { sampling: { temperature: 1 } },
      { sampling: { seed: 1 } },
    ]
    for (const change of changes) await ask(change)
    expect(server.requests).toHaveLength(changes.length)
    for (const change of changes) await ask(change)
    expect(server.requests).toHaveLength(changes.length)
  })

  it('is shared by a model and its replacement', async () => {
    const { server, ask } = await serve(() => verdict(0.5), { models: new Map([['old', 'new']]) })
    await ask({ model: 'old' })
    await ask({ model: 'new' })
    expect(server.requests).toHaveLength(1)
  })

  it('is evicted when the cache is full', async () => {
    const { server, ask } = await serve(() => verdict(0.5), { cacheBytes: 4_000 })
    for (let n = 0; n < 30; n += 1) await ask({ answer: `answer ${n}` })
    await ask({ answer: 'answer 29' })
    expect(server.requests).toHaveLength(30)
    await ask({ answer: 'answer 0' })
    expect(server.requests).toHaveLength(31)
  })

  it('is evicted only after less recently used ones', async () => {
    const { server, ask } = await serve(() => verdict(0.5), { cacheBytes: 4_000 })
    await ask({ answer: 'in use' })
    for (let n = 0; n < 30; n += 1) {
      await ask({ answer: `answer ${n}` })
      await ask({ answer: 'in use' })
    }
    expect(server.requests).toHaveLength(31)
  })

  it('is not cached if it alone takes more than an eighth of the cache', async () => {
    const { server, ask } = await serve((_, n) => verdict(0.5, n === 2 ? 'x'.repeat(300) : 'short'), {
      cacheBytes: 4_000,
    })
    for (const answer of ['a', 'long', 'a', 'long']) await ask({ answer })
    const asked = server.requests.map(({ body }) => String(body.messages[1]?.content).split('\n')[1])
    expect(asked).toEqual(['a', 'long', 'long'])
  })

  it('is cached only if it could be read', async () => {
    const { server, ask } = await serve((_, n) => (n <= 3 ? completion('no number') : verdict(0.5)))
    await expect(ask()).rejects.toThrow('no readable number')
    expect((await ask()).score).toBe(0.5)
    expect(server.requests).toHaveLength(4)
  })
})

describe('equal questions at the same time', () => {
  it('are asked once, and one of them is charged', async () => {
    const { held, behave, release } = holding()
    const { server, ask, client } = await serve(behave)
    const asked = Array.from({ length: 5 }, () => ask())
    await expect.poll(() => held.length).toBe(1)
    release(verdict(0.5))
    const judged = await Promise.all(asked)
    expect(judged.map(({ score }) => score)).toEqual(Array(5).fill(0.5))
    expect(judged.map(({ usage }) => usage.total_tokens).sort()).toEqual([0, 0, 0, 0, 15])
    expect(server.requests).toHaveLength(1)
    expect(client.usage().get('m')?.total_tokens).toBe(15)
  })

  it('continue when a caller leaves, even the first, and are aborted when all have left', async () => {
    const { held, behave, release } = holding()
    const { server, judge } = await serve(behave)
    const askers = Array.from({ length: 3 }, () => new AbortController())
    const question = { prompt: 'p', answer: 'a' }
    const asked = askers.map(({ signal }) => judge(question, signal))
    await expect.poll(() => held.length).toBe(1)
    askers[0]?.abort(new Error('left'))
    await expect(asked[0]).rejects.toThrow('left')
    release(verdict(0.5))
    expect((await asked[1])?.score).toBe(0.5)
    expect((await asked[2])?.score).toBe(0.5)
    expect(server.requests).toHaveLength(1)

    const both = Array.from({ length: 2 }, () => new AbortController())
    const others = both.map(({ signal }) => judge({ ...question, answer: 'b' }, signal))
    await expect.poll(() => held.length).toBe(1)
    expect(server.open()).toBe(1)
    const gone = others.map((each) => expect(each).rejects.toThrow('left'))
    for (const each of both) each.abort(new Error('left'))
    await Promise.all(gone)
    await expect.poll(() => server.open()).toBe(0)
    // A later caller starts again.
    const late = judge({ ...question, answer: 'b' }, new AbortController().signal)
    await expect.poll(() => server.requests.length).toBe(3)
    release(verdict(1))
    expect((await late).score).toBe(1)
  })
})
