import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { shareSignal } from '../../base/deadline.ts'
import { stringifyExactly } from '../../base/exact-json.ts'
import { contentHash } from '../../base/json.ts'
import { defaultLimits } from '../../base/limits.ts'
import { version } from '../../base/version.ts'
import { createBegin } from '../../core/begin.ts'
import type { Tool } from '../../kit/define-tool.ts'
import type { Db } from '../../kit/environment.ts'
import { UngradableError } from '../../kit/errors.ts'
import type { Hooks } from '../../kit/hooks.ts'
import { createLedger } from '../../ledger/ledger.ts'
import { type Database, openDatabase } from '../../postgres/database.ts'
import { startEmbedded } from '../../postgres/embedded/embedded.ts'
import { migrate } from '../../postgres/migrate.ts'
import { prepareRolloutTables, type RolloutTable } from '../../postgres/roles.ts'
import { createRowScope } from '../../postgres/scoped-db.ts'
import { createApp } from '../../server/app.ts'
import { anonymous } from '../../server/auth/principal.ts'
import type { SketchedCall } from './rows.ts'
import { describedCall, type Play } from './try-answer.ts'

/** A temporary database, and the means to make calls on it. */
export interface Playground {
  readonly db: Db
  /** Makes calls in a rollout of its own, as a trainer would; see {@link createPlay}. */
  readonly play: Play
  /** Stops the database and removes it. */
  close(): Promise<void>
}

/** What is played: the environment's tools, its budget in calls (undefined: no limit), its hooks and tables. */
export interface PlaySettings {
  readonly tools: readonly Tool[]
  readonly budget: number | undefined
  readonly hooks?: Hooks | undefined
  readonly rolloutTables?: readonly RolloutTable[]
}

/**
 * Starts an empty database in a temporary folder, with the tables of the ledger and of the environment.
 *
 * @throws EmbeddedUnavailable if this platform has no embedded database.
 */
export async function openPlayground(settings: Omit<PlaySettings, 'rolloutTables'>): Promise<Playground> {
  const folder = await mkdtemp(join(tmpdir(), 'scorekeeper-check-'))
  const places = new Set([folder])
  const remove = async () => {
    for (const place of places) await rm(place, { recursive: true, force: true })
  }
  try {
    const embedded = await startEmbedded({ dir: folder, durable: false })
    // PostgreSQL runs as another user when this process is root, and may keep its data elsewhere.
    places.add(embedded.where)
    await migrate(embedded.url)
    const rolloutTables = await prepareRolloutTables(embedded.url)
    const database = openDatabase({ url: embedded.socketUrl ?? embedded.url, poolSize: 4 })
    return {
      db: database.db,
      play: createPlay(database, { ...settings, rolloutTables }),
      async close() {
        await database.close()
        await embedded.stop()
        await remove()
      },
    }
  } catch (error) {
    await remove()
    throw error
  }
}

/**
 * Makes the function that plays calls on a database: each through the server's own address for tools, in order, in a new
 * rollout. Calls of tools with `effects: 'external'` are not made: they keep the output that they are described with.
 */
export function createPlay(database: Database, settings: PlaySettings): Play {
  const { tools, budget, hooks, rolloutTables = [] } = settings
  const app = createApp({
    database,
    tools,
    graders: [],
    budget,
    hooks,
    rolloutTables,
    authenticate: async () => anonymous,
    log: { info() {}, warn() {}, error() {} },
    limits: defaultLimits,
    version,
    isMigrated: async () => true,
  })
  const ledger = createLedger({ ...database, budget: undefined, now: Date.now })
  const rows = createRowScope(database.db, rolloutTables)
  const { toolSeconds: seconds } = defaultLimits
  const stopping = shareSignal(new AbortController().signal)
  const begin = (hooks?.begin || rows) && createBegin({ ledger, hook: hooks?.begin, rows, seconds, stopping })
  const external = new Set(tools.filter(({ effects }) => effects === 'external').map(({ name }) => name))

  const make = async (rolloutId: string, callId: string, call: SketchedCall, item: unknown): Promise<void> => {
    const names = { type: 'function_call', id: `fc_${callId}`, call_id: callId, name: call.tool, trace_id: rolloutId }
    const response = await app.request('/tools', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: stringifyExactly({ ...names, arguments: stringifyExactly(call.arguments ?? {}), item }),
    })
    const text = await response.text()
    if (response.ok) return
    throw new UngradableError(500, 'call_not_played', `a call of ${call.tool} failed with ${response.status}: ${text}`)
  }

  return async (item, calls) => {
    const rolloutId = `check_${randomUUID()}`
    const ids = calls.map((_, at) => `call_${at + 1}`)
    // Also for an answer without calls: its grader reads the rows.
    const rollout = { run: 'default', rolloutId, itemHash: contentHash(item), item, isPart: async () => false }
    const begun = await begin?.(rollout, item)
    for (const [at, call] of calls.entries()) {
      if (!external.has(call.tool)) await make(rolloutId, ids[at] ?? '', call, item)
    }
    const { latest } = await ledger.findGrading({ ...anyGrading, rolloutId })
    const played = latest && (await ledger.readRollout({ run: 'default', number: latest.number }))
    const { trajectory, state } = played ?? { trajectory: [], state: null }
    const made = new Map(trajectory.map((call) => [call.callId, call]))
    const whole = calls.map((call, at) => ({ ...(made.get(ids[at] ?? '') ?? describedCall(call, at)), seq: at + 1 }))
    const db = begun && rows ? rows.of(begun.number) : database.db
    return { rolloutId, trajectory: whole, state, db }
  }
}

/** A grading that nobody asked for, by which the rollout is found. */
const anyGrading = { run: 'default', grader: '', sampleHash: '', itemHash: '' }
