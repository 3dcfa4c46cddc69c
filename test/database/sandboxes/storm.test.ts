import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import type { Database } from '../../../src/postgres/database.ts'
import { SandboxError } from '../../../src/runtime/sandbox/provider.ts'
import { useDatabase } from '../../support/database.ts'
import { createCloud } from '../../support/sandbox/cloud.ts'
import { grade, run, sandboxReplica } from '../../support/sandbox/shell.ts'

const database = useDatabase()

/** Repeatable numbers from 0 up to, but not including, 1. */
function numbers(seed: number) {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

/** Lets all sandboxes be closed again now; a deadlock with a replica, which locks rows in another order, does not matter. */
const makeDue = () =>
  database.sql`update sandboxes set retry_at = now() - interval '1 second' where closed_at is null`.catch(
    () => undefined,
  )

const rollouts = 24
const caps = { open: 12, opening: 4 }

/** A replica that is killed and started again: what it was doing then is cut off wherever it is. */
function restartable(client: Database, cloud: ReturnType<typeof createCloud>) {
  const start = () => {
    const stopping = new AbortController()
    const more = { caps, stopping: stopping.signal, times: { wait: 8, create: 2, look: 0.3 } }
    return { stopping, ...sandboxReplica(client, cloud, { ...more, app: { stopping: stopping.signal, limits } }) }
  }
  const limits = { leaseSeconds: 1, waitSeconds: 3 }
  let current = start()
  return {
    get replica() {
      return current
    },
    kill() {
      current.stopping.abort(new Error('killed'))
      current = start()
    },
  }
}

it.each([1, 2])(
  'replicas that die between a creation and its record leave no sandbox and no wrong score, seed %i',
  {
    timeout: 120_000,
  },
  async (seed) => {
    const random = numbers(seed)
    const cloud = createCloud({
      beforeCreate: async () => {
        await sleep(random() * 20)
        if (random() < 0.1) throw new SandboxError('unavailable', '429')
      },
      async afterCreate() {
        await sleep(random() * 30)
        if (random() < 0.15) throw new SandboxError('unavailable', '504')
      },
      async beforeClose() {
        if (random() < 0.2) throw new SandboxError('unavailable', 'stuck')
      },
      async afterExec() {
        await sleep(random() * 10)
        if (random() < 0.1) throw new SandboxError('unavailable', '502')
      },
    })
    const replicas = [1, 2, 3].map(() => restartable(database.another(), cloud))
    const any = () => {
      const one = replicas[Math.floor(random() * replicas.length)]
      if (one === undefined) throw new Error('no replica is left')
      return one.replica
    }
    let isOver = false
    const killing = (async () => {
      while (!isOver) {
        await sleep(300 + random() * 500)
        await makeDue()
        await any()
          .sandboxes.reap()
          .catch(() => undefined)
        replicas[Math.floor(random() * replicas.length)]?.kill()
      }
    })()

    /** Asks until it is answered, as a trainer does. */
    const persist = async (ask: () => ReturnType<typeof run>, tries = 12) => {
      for (let n = 1; ; n += 1) {
        const answer = await ask()
        if (answer.status < 500 || n === tries) return answer
        await sleep(50 + random() * 150)
      }
    }
    const path = (n: number) => `/runs/storm-${seed}-${n % 2}`
    const graded = await Promise.all(
      Array.from({ length: rollouts }, async (_, n) => {
        const id = `storm-${seed}-${n}`
        for (const call of ['a', 'b']) {
          const command = call === 'a' ? `write answer ${id}` : 'read answer'
          await persist(() => run(any(), id, call, command, path(n)))
        }
        const scored = await persist(() => grade(any(), id, id, 'in_sandbox', path(n)))
        // The trainer closes the rollout.
        const { sandboxes } = any()
        const [row] = await database.sql<{ run: string; number: number }[]>`
        update rollouts set ended_at = now(), released_at = now() where id = ${id} returning run, number::float8 as number`
        if (row !== undefined) await sandboxes.end(row).catch(() => undefined)
        return scored?.body.score
      }),
    )
    isOver = true
    await killing

    // A score is right or there is none: never the zero of a broken sandbox.
    expect(graded.filter((score) => score !== undefined && score !== 1)).toEqual([])
    expect(graded.filter((score) => score === 1).length).toBeGreaterThan(rollouts / 3)
    const { sandboxes } = sandboxReplica(database, cloud, { caps })
    for (let turn = 0; turn < 40 && cloud.boxes.size > 0; turn += 1) {
      await makeDue()
      await sandboxes.reap()
    }
    expect(cloud.boxes.size).toBe(0)
    expect(cloud.most).toBeLessThanOrEqual(caps.open)
    expect(cloud.mostCreating).toBeLessThanOrEqual(caps.opening)
    // By what the service says: each command ran once, in the one sandbox of its rollout that was used.
    const keys = cloud.commands.map(({ key }) => key)
    expect(new Set(keys).size).toBe(keys.length)
    const used = new Map<string, Set<string>>()
    for (const { handle, argv } of cloud.commands) {
      const id = argv[0] === 'write' ? argv[2] : undefined
      if (id !== undefined) used.set(id, (used.get(id) ?? new Set()).add(handle))
    }
    expect([...used.values()].filter((handles) => handles.size > 1)).toEqual([])
    const generations = cloud.created.map(({ rollout, generation }) => `${rollout}/${generation}`)
    expect(generations.filter((one, at) => generations.indexOf(one) !== at)).toEqual([])
  },
)
