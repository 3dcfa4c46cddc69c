import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import { createSandboxClosing } from '../../../src/ledger/sandbox-closing.ts'
import { createSandboxLedger, type SandboxKey } from '../../../src/ledger/sandboxes.ts'
import { useDatabase } from '../../support/database.ts'

/** The places of sandboxes as the ledger counts them, step by step; the test plays the provider. */

const database = useDatabase()
const ledger = { ...createSandboxLedger(database.sql), ...createSandboxClosing(database.sql) }
const here = { provider: 'cloud', host: undefined }
const lease = 60

afterEach(() => database.sql`truncate sandboxes, rollouts`)

let last = 0
const begin = async (): Promise<SandboxKey> => {
  last += 1
  const [row] = await database.sql<{ number: number }[]>`
    insert into rollouts (run, id, item_hash) values ('default', ${`places-${last}`}, '') returning number::float8 as number`
  if (row === undefined) throw new Error('no rollout')
  return { run: 'default', rollout: row.number, name: 'shell' }
}
const request = async (key: SandboxKey, token: string) => {
  const row = await ledger.request(key, here, { token, leaseSeconds: lease })
  if (row === undefined) throw new Error('the rollout has ended')
  return row
}
const statuses = async (caps: { readonly open: number; readonly opening: number }, ...tokens: readonly string[]) => {
  const found = await ledger.turn(tokens, caps, lease)
  return tokens.map((token) => found.get(token))
}

describe('a sandbox whose creation failed, and may succeed late', () => {
  const caps = { open: 1, opening: 1 }
  /** A rollout with such a sandbox, and another one that waits for its place. */
  const failedAndWaiting = async () => {
    const [failed, waiting] = [await begin(), await begin()]
    await request(failed, 'a1')
    expect(await statuses(caps, 'a1')).toEqual(['opening'])
    await ledger.failed(failed, 'a1', 'sandbox_unavailable', 'unknown')
    await request(waiting, 'b')
    expect(await statuses(caps, 'b')).toEqual(['requested'])
    return { failed, waiting }
  }

  it('keeps its place when it is requested again, and is opened without a free one', async () => {
    const { failed } = await failedAndWaiting()
    const again = await request(failed, 'a2')
    expect(again).toMatchObject({ status: 'requested', granted: true, generation: 1 })
    expect(await statuses(caps, 'b')).toEqual(['requested'])
    expect(await statuses(caps, 'a2', 'b')).toEqual(['opening', 'requested'])
  })

  it('keeps its place when that request is withdrawn, before or after it was granted', async () => {
    const { failed } = await failedAndWaiting()
    await ledger.withdraw(await request(failed, 'a2'), 'a2')
    expect(await ledger.read(failed)).toMatchObject({ status: 'failed', granted: true })
    expect(await statuses(caps, 'b')).toEqual(['requested'])
    const granted = await request(failed, 'a3')
    expect(await statuses(caps, 'a3', 'b')).toEqual(['opening', 'requested'])
    await ledger.withdraw(granted, 'a3')
    expect(await ledger.read(failed)).toMatchObject({ status: 'failed', granted: true })
    expect(await statuses(caps, 'b')).toEqual(['requested'])
  })

  it('keeps its place when the request of a dead server is taken over, and when that is refused', async () => {
    const { failed } = await failedAndWaiting()
    await request(failed, 'dead')
    await database.sql`update sandboxes set lease_until = now() - interval '1 second' where claim = 'dead'`
    expect(await statuses(caps, 'b')).toEqual(['requested'])
    expect(await request(failed, 'a2')).toMatchObject({ claim: 'a2', granted: true })
    expect(await statuses(caps, 'a2', 'b')).toEqual(['opening', 'requested'])
    await ledger.failed(failed, 'a2', 'sandbox_refused', 'unknown')
    expect(await statuses(caps, 'b')).toEqual(['requested'])
  })

  it('keeps its place while its rollout ends, until the provider does not list it any more', async () => {
    const { failed } = await failedAndWaiting()
    await request(failed, 'a2')
    const [closing] = await ledger.end(failed.run, failed.rollout)
    expect(closing).toMatchObject({ rollout: failed.rollout, handle: null })
    expect(await statuses(caps, 'b')).toEqual(['requested'])
    await ledger.closed({ ...failed, generation: 1 })
    expect(await statuses(caps, 'b')).toEqual(['opening'])
  })

  it('keeps its place as long as a creation may take, from the beginning of the latest', async () => {
    const { failed } = await failedAndWaiting()
    await database.sql`update sandboxes set granted_at = now() - interval '2 minutes' where status = 'failed'`
    await request(failed, 'a2')
    expect(await statuses(caps, 'a2')).toEqual(['opening'])
    await database.sql`update sandboxes set granted_at = now() - interval '2 minutes' where status = 'opening'`
    expect(await ledger.begin(failed, 'a2')).toBe(true)
    await ledger.failed(failed, 'a2', 'sandbox_unavailable', 'unknown')
    await ledger.absent(failed, 90)
    expect(await statuses(caps, 'b')).toEqual(['requested'])
    await database.sql`update sandboxes set granted_at = now() - interval '2 minutes' where status = 'failed'`
    await ledger.absent(failed, 90)
    expect(await statuses(caps, 'b')).toEqual(['opening'])
    // It needs a free place from now on, and gets the labels of another sandbox.
    expect(await request(failed, 'a3')).toMatchObject({ status: 'requested', granted: false, generation: 2 })
    expect(await statuses(caps, 'a3')).toEqual(['requested'])
  })

  it('is among those that may be opening when it is opened again', async () => {
    const { failed } = await failedAndWaiting()
    await request(failed, 'a2')
    const two = { open: 2, opening: 1 }
    expect(await statuses(two, 'b', 'a2')).toEqual(['opening', 'requested'])
  })
})

it('a sandbox that was certainly not created gives its place up', async () => {
  const [refused, waiting] = [await begin(), await begin()]
  const caps = { open: 1, opening: 1 }
  await request(refused, 'a')
  await request(waiting, 'b')
  expect(await statuses(caps, 'a', 'b')).toEqual(['opening', 'requested'])
  await ledger.failed(refused, 'a', 'sandbox_refused', 'gone')
  expect(await statuses(caps, 'b')).toEqual(['opening'])
  expect(await request(refused, 'a2')).toMatchObject({ granted: false })
  await ledger.withdraw({ ...refused, granted: false }, 'a2')
  expect(await ledger.read(refused)).toBeUndefined()
})

/** What a provider has, or may have later, of one rollout's sandbox. */
interface Model {
  readonly key: SandboxKey
  /** The requests that a process still works on, by token; whether it began a creation. */
  readonly tokens: Map<string, { readonly granted: boolean; hasBegun: boolean }>
  /** How many creations were begun and never answered. */
  pending: number
  /** Handles that exist. */
  handles: string[]
  hasEnded: boolean
}

/** The steps, and how often each is chosen: those that lead to others come more often. */
const steps = [
  { what: 'request', weight: 12 },
  { what: 'turn', weight: 12 },
  { what: 'begin', weight: 8 },
  { what: 'answer', weight: 2 },
  { what: 'lose the answer', weight: 6 },
  { what: 'refuse', weight: 2 },
  { what: 'withdraw', weight: 3 },
  { what: 'take over', weight: 3 },
  { what: 'die', weight: 2 },
  { what: 'appear late', weight: 2 },
  { what: 'lose the sandbox', weight: 2 },
  { what: 'end', weight: 1 },
  { what: 'close', weight: 3 },
  { what: 'time passes', weight: 2 },
] as const

it('whatever happens, in any order, each sandbox that may exist has a place, and there are no more than allowed', async () => {
  const whats = steps.map(({ what, weight }) => ({ arbitrary: fc.constant(what), weight }))
  const step = fc.record({ what: fc.oneof(...whats), of: fc.nat(2) })
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 30, maxLength: 60 }), async (chosen) => {
      await database.sql`truncate sandboxes, rollouts`
      const caps = { open: 1, opening: 1 }
      const models: Model[] = []
      for (let n = 0; n < 3; n += 1) {
        models.push({ key: await begin(), tokens: new Map(), pending: 0, handles: [], hasEnded: false })
      }
      for (const [at, { what, of }] of chosen.entries()) {
        const model = models[of]
        if (model !== undefined) await take(model, what, `${at}`, caps)
        for (const { key, pending, handles } of models) {
          if (pending === 0 && handles.length === 0) continue
          const [row] = await database.sql`
            select closed_at is null and granted_at is not null as counts from sandboxes where rollout = ${key.rollout}`
          expect({ step: at, rollout: key.rollout, counts: row?.['counts'] }).toMatchObject({ counts: true })
        }
        const [counted] = await database.sql`
          select count(*) filter (where granted_at is not null)::int as held,
            count(*) filter (where status = 'opening')::int as opening
          from sandboxes where closed_at is null`
        expect(counted?.['held']).toBeLessThanOrEqual(caps.open)
        expect(counted?.['opening']).toBeLessThanOrEqual(caps.opening)
      }
    }),
    { numRuns: 150 },
  )
}, 120_000)

/** One step of what processes and the provider do about a rollout's sandbox; one that is not possible now does nothing. */
async function take(
  model: Model,
  what: (typeof steps)[number]['what'],
  name: string,
  caps: { readonly open: number; readonly opening: number },
): Promise<void> {
  const { key, tokens } = model
  const [token, work] = [...tokens][0] ?? []
  const row = await ledger.read(key)
  const isOpening = token !== undefined && row?.claim === token && row.status === 'opening'
  switch (what) {
    case 'take over':
    case 'request': {
      if (what === 'take over') {
        await database.sql`update sandboxes set lease_until = now() - interval '1 second' where rollout = ${key.rollout}`
      }
      const requested = await ledger.request(key, here, { token: name, leaseSeconds: lease })
      if (requested?.claim !== name) return
      // What the former process began goes on without it.
      model.pending += [...tokens.values()].filter(({ hasBegun }) => hasBegun).length
      tokens.clear()
      tokens.set(name, { granted: requested.granted, hasBegun: false })
      return
    }
    case 'turn':
      await ledger.turn([...tokens.keys()], caps, lease)
      return
    case 'begin':
      if (isOpening && work !== undefined && (await ledger.begin(key, token))) work.hasBegun = true
      return
    case 'answer': {
      if (!isOpening || !work?.hasBegun) return
      const [found = `box-${name}`] = model.handles
      model.handles = [found]
      model.pending = 0
      tokens.clear()
      await ledger.opened(key, token, { handle: found, generation: row?.generation ?? 1, ttlSeconds: 60 })
      return
    }
    case 'lose the answer':
      if (!isOpening || !work?.hasBegun) return
      model.pending += 1
      tokens.clear()
      await ledger.failed(key, token, 'sandbox_unavailable', 'unknown')
      return
    case 'refuse':
      if (!isOpening || !work?.hasBegun) return
      tokens.clear()
      await ledger.failed(key, token, 'sandbox_refused', work.granted ? 'unknown' : 'gone')
      return
    case 'withdraw':
      if (token === undefined || work === undefined || work.hasBegun) return
      tokens.clear()
      await ledger.withdraw({ ...key, granted: work.granted }, token)
      return
    case 'appear late':
      // With the labels of an earlier one it is the same sandbox.
      if (model.pending > 0 && model.handles.length === 0) model.handles = [`late-${name}`]
      model.pending = 0
      return
    case 'die':
      model.pending += [...tokens.values()].filter(({ hasBegun }) => hasBegun).length
      tokens.clear()
      return
    case 'lose the sandbox':
      if (row?.status !== 'open' || row.handle === null) return
      model.handles = []
      await ledger.lost(key, row.handle, 'sandbox_lost')
      return
    case 'end':
      model.hasEnded = true
      model.pending += [...tokens.values()].filter(({ hasBegun }) => hasBegun).length
      tokens.clear()
      await database.sql`update rollouts set ended_at = now() where number = ${key.rollout}`
      await ledger.end(key.run, key.rollout)
      return
    case 'close':
      // The provider has removed what it lists, and nothing can appear any more.
      if (row?.status !== 'closing' || model.pending > 0) return
      model.handles = []
      await ledger.closed({ ...key, generation: row.generation })
      return
    case 'time passes':
      if (model.pending > 0 || model.handles.length > 0 || tokens.size > 0) return
      await database.sql`
        update sandboxes set granted_at = granted_at - interval '1 hour' where rollout = ${key.rollout}`
      await ledger.absent(key, 90)
  }
}
