import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  preflightRewards,
  type RewardPreflightSettings,
  rewardWires,
} from '../../../../src/workbench/preflight/reward-preflight.ts'
import type { Verdict } from '../../../../src/workbench/preflight/verdict.ts'
import { preflightWire, type WirePreflightSettings } from '../../../../src/workbench/preflight/wire-preflight.ts'
import { useDatabase } from '../../../support/database.ts'
import { type Fault, serveWith, settingsFor, writeDataset } from '../../../support/preflight/checked-server.ts'

const database = useDatabase()
let files: ReturnType<typeof writeDataset>

beforeAll(() => {
  files = writeDataset()
})
afterAll(() => files.remove())

type WireName = WirePreflightSettings['wire']

async function checked(wire: WireName, fault?: Fault, rest: Partial<WirePreflightSettings> = {}) {
  const server = await serveWith(database, fault)
  const verdicts: Verdict[] = []
  const settings = { ...settingsFor(server, files), wire, ...rest }
  const sent = await preflightWire(settings, (verdict) => void verdicts.push(verdict))
  await server.close()
  return { sent, requests: server.requests(), verdicts }
}

const failedIn = (verdicts: readonly Verdict[]) =>
  verdicts.filter(({ outcome }) => outcome === 'fail').map(({ check }) => check)

const pathOf = (request: Request) => new URL(request.url).pathname

describe.each(['nemo-gym', 'verifiers', 'ors', 'mcp'] as const)('preflight over %s', (wire) => {
  it('passes every check of a sound server', async () => {
    const { verdicts } = await checked(wire)
    expect(verdicts.map(({ check, outcome }) => `${outcome} ${check}`)).toEqual([
      'pass names',
      ...verdicts.filter(({ check }) => check === 'outside a session').map(() => 'pass outside a session'),
      'pass begin',
      // The client of verifiers repeats nothing.
      wire === 'verifiers' ? 'skip call again' : 'pass call again',
      'pass score',
    ])
    expect(verdicts.length).toBeGreaterThan(4)
  })

  it('fails where no rollout begins', async () => {
    const refused: Fault = async () => new Response('{}', { status: 404 })
    const { verdicts } = await checked(wire, refused)
    expect(failedIn(verdicts)).toContain('begin')
  })
})

describe('preflight over nemo-gym', () => {
  it('fails a server whose repeated calls run again', async () => {
    let calls = 0
    const forgetful: Fault = async (request, next) => {
      if (!pathOf(request).endsWith('/look') || !request.headers.has('cookie')) return await next(request)
      calls += 1
      const answer = await next(request)
      return new Response(`execution ${calls}`, answer)
    }
    expect(failedIn((await checked('nemo-gym', forgetful)).verdicts)).toEqual(['call again'])
  })

  it('fails a server that scores a rollout whose session is lost', async () => {
    const generous: Fault = async (request, next) => {
      const isLost = pathOf(request).endsWith('/verify') && !request.headers.has('cookie')
      return isLost ? Response.json({ reward: 0 }) : await next(request)
    }
    expect(failedIn((await checked('nemo-gym', generous)).verdicts)).toEqual(['outside a session'])
  })

  it('fails tools with names that the protocol needs', async () => {
    const calls = { verify: {}, look: { word: 'x' } }
    const { verdicts } = await checked('nemo-gym', undefined, { calls })
    expect(failedIn(verdicts)).toContain('names')
    expect(verdicts[0]?.why).toBe('the protocol needs "verify" for itself')
  })

  it('warns of a rollout without a score', async () => {
    const silent: Fault = async (request, next) => {
      const isGraded = pathOf(request).endsWith('/verify') && request.headers.has('cookie')
      return isGraded ? Response.json({ error: 'no judge' }, { status: 503 }) : await next(request)
    }
    const { verdicts } = await checked('nemo-gym', silent)
    expect(verdicts.at(-1)).toMatchObject({ check: 'score', outcome: 'warn' })
  })
})

describe.each(rewardWires)('preflight over the rewards of %s', (wire: RewardPreflightSettings['wire']) => {
  async function rewarded(fault?: Fault) {
    const server = await serveWith(database, fault)
    const verdicts: Verdict[] = []
    await preflightRewards({ ...settingsFor(server, files), wire }, (verdict) => void verdicts.push(verdict))
    await server.close()
    return verdicts.map(({ check, outcome }) => `${outcome} ${check}`)
  }

  it('passes a sound server', async () => {
    // The environment of this server scores any row.
    expect(await rewarded()).toEqual(['pass rewards', 'pass the same again', 'skip no score'])
  })

  it('fails a server that answers fewer rewards, and one that scores a repeated batch otherwise', async () => {
    expect(await rewarded(async () => Response.json([]))).toEqual(['fail rewards'])
    let asked = 0
    const moody: Fault = async (request, next) => {
      asked += 1
      const answer = await (await next(request)).text()
      return new Response(asked === 2 ? answer.replaceAll(/\b0\b/g, '1') : answer)
    }
    expect(await rewarded(moody)).toContain('fail the same again')
  })

  it('fails a server that leaves out what it cannot score', async () => {
    let asked = 0
    const short: Fault = async (request, next) => {
      asked += 1
      return asked === 3 ? Response.json({ rewards: [] }) : await next(request)
    }
    expect(await rewarded(short)).toContain('fail no score')
  })
})
