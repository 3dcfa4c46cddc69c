import { beforeAll, describe, expect, it } from 'vitest'
import { writeAlarms } from '../../../src/ledger/rollups/alarms.ts'
import { type HealthSources, healthSections } from '../../../src/server/health-sections.ts'
import { useDatabase } from '../../support/database.ts'
import { logIn, testDashboard } from '../../support/rollups/dashboard.ts'
import { foldAll, recordHistory } from '../../support/rollups/history.ts'

const database = useDatabase()
const { sql } = database
const now = Date.now()

const sources: HealthSources = {
  config: { retentionDays: 30, databaseUrl: 'postgres://db.example/sk' },
  database: {
    where: 'the Postgres at db.example',
    usage: () => ({ ledger: { size: 4, busy: 1, waiting: 0 }, tools: { size: 16, busy: 16, waiting: 7 } }),
  },
  admission: { inFlight: 3, isOverloaded: true, refused: 12 },
  recent: { read: () => ({ seconds: 300, requests: 600, statuses: { '2xx': 570, '5xx': 30 }, p50: 0.004, p95: 0.25 }) },
  lastDeletion: { at: now - 600_000, rollouts: 41, items: 2 },
  now: () => now,
}

beforeAll(async () => {
  const at = now - 1_200_000
  await recordHistory(sql, [
    ...Array.from({ length: 30 }, (_, n) => ({
      run: 'exp-7',
      at: at + n,
      calls: [
        { ms: 15 },
        n < 2 ? { outcome: 'failed' as const, code: 'lease_expired' } : { outcome: 'refused' as const },
      ],
      gradings: n < 3 ? [{ outcome: 'failed' as const }] : [{ score: 1 }],
    })),
    ...Array.from({ length: 5 }, () => ({
      run: 'private',
      at,
      calls: [{ ms: 15 }],
      gradings: [{ outcome: 'ungradable' as const }],
    })),
    { run: 'private', at, calls: [{ outcome: 'running' as const }, { outcome: 'running' as const }] },
  ])
  await sql`update tool_calls set claim = call_id, lease_until = now() + interval '1 hour' where outcome = 'running'`
  await sql`update tool_calls set lease_until = now() - interval '1 minute' where outcome = 'running' and seq = 2`
  await foldAll(sql)
  const alarm = { name: 'no_score', level: 'page' as const, updated_at: now }
  await writeAlarms(sql, [
    { ...alarm, run: 'exp-7', seen: 'seen in exp-7', since: now - 900_000, ended_at: null },
    { ...alarm, run: 'exp-7', seen: 'seen before', since: now - 9_000_000, ended_at: now - 8_000_000 },
    { ...alarm, run: 'private', seen: 'seen in private', since: now - 900_000, ended_at: null },
  ])
})

/** The facts of the page, by section and name; those that ask for attention have a mark. */
async function factsFor(runs?: readonly string[], more: Partial<HealthSources> = {}) {
  const sections = await healthSections(sql, { runs }, { ...sources, ...more })
  return Object.fromEntries(
    sections.map(({ title, facts }) => [
      title,
      Object.fromEntries(facts.map(({ name, value, isBad }) => [name, isBad === true ? `! ${value}` : value])),
    ]),
  )
}

describe('the health of a server', () => {
  it('has calls and gradings of all replicas by outcome, with their latency', async () => {
    const { 'Calls and gradings': facts } = await factsFor()
    expect(facts).toMatchObject({
      'calls ok': '35',
      'calls refused': '28',
      'calls failed': '! 2',
      'gradings scored': '27',
      'gradings ungradable': '! 5',
      'gradings failed': '! 3',
    })
    expect(facts?.['calls p50']).toMatch(/^1\d ms$/)
    expect(facts?.['gradings p95']).toMatch(/ ms$/)
  })

  it('has the requests to this replica, its connections, leases, the backlog and the retention', async () => {
    expect(await factsFor()).toMatchObject({
      Requests: {
        answered: '600',
        'a second': '2.0',
        p50: '4.0 ms',
        p95: '250 ms',
        '5xx': '! 30 (5.0 %)',
        'in flight': '3',
        'turning requests away': '! yes, 12',
      },
      'Database connections': {
        'tools and graders: in use': '16 of 16',
        'tools and graders: waiting': '! 7',
        'ledger: in use': '1 of 4',
        'ledger: waiting': '0',
      },
      Leases: {
        running: '1',
        'lease expired, not recorded yet': '! 1',
        'recorded as failed in the last hour': '! 2',
      },
      'Rollouts that are not released': { 'age of the oldest': '20 min' },
      Database: { kind: 'remote', Postgres: expect.stringMatching(/^\d+/) },
      Retention: {
        'rollouts are kept for': '30 days',
        'last run': new Date(now - 600_000).toISOString().slice(0, 16).replace('T', ' '),
        'next run': new Date(now + 3_000_000).toISOString().slice(0, 16).replace('T', ' '),
        'rollouts deleted': '41',
      },
    })
  })

  it('says that nothing is deleted without a retention, and that the database is the embedded one', async () => {
    const facts = await factsFor(undefined, { config: { retentionDays: undefined, databaseUrl: undefined } })
    expect([facts['Retention'], facts['Database']?.['kind']]).toEqual([{ rollouts: 'all are kept' }, 'embedded'])
  })

  it('shows a key that is bound to runs nothing that other runs are part of', async () => {
    const facts = await factsFor(['exp-*'])
    expect(Object.keys(facts)).toEqual(['This replica', 'Calls and gradings', 'Database'])
    expect(facts['Calls and gradings']).toMatchObject({ 'calls ok': '30', 'gradings ungradable': '0' })
    expect(JSON.stringify(await healthSections(sql, { runs: ['exp-*'] }, sources))).not.toContain('db.example')
  })

  it('is shown with the alarms that last and those that ended, of the runs that the viewer may see', async () => {
    const app = testDashboard(sql, { isOpen: false, health: (viewer) => healthSections(sql, viewer, sources) })
    const page = async (key: string) =>
      await (await app.request('/dashboard/health', { headers: await logIn(app, key) })).text()
    const all = await page('key-of-all')
    for (const text of ['seen in exp-7', 'seen in private', 'seen before', 'the Postgres at db.example']) {
      expect(all).toContain(text)
    }
    const bound = await page('key-of-exp')
    expect(bound).toContain('seen in exp-7')
    expect(bound).not.toContain('private')
  })
})
