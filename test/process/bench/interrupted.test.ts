import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it, vi } from 'vitest'
import { findPostmaster } from '../../../src/postgres/embedded/postmaster.ts'
import { casesOf } from '../../support/runs.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const children: ReturnType<typeof spawn>[] = []
afterAll(() => {
  for (const child of children) child.kill('SIGKILL')
})

const foldersOf = (pid: number) => readdirSync(tmpdir()).filter((name) => name.startsWith(`scorekeeper-bench-${pid}-`))

/** The Postgres server of a bench, once it runs. */
async function postmasterOf(pid: number) {
  return await vi.waitFor(
    () => {
      const [folder] = foldersOf(pid)
      const files = readdirSync(join(tmpdir(), folder ?? '-'), { recursive: true, encoding: 'utf8' })
      const data = files.find((name) => name.endsWith('postmaster.pid'))
      const found = findPostmaster(join(tmpdir(), folder ?? '-', data ?? '-', '..'))
      if (found?.status !== 'ready') throw new Error('no Postgres yet')
      return found.pid
    },
    { timeout: 60_000, interval: 50 },
  )
}

const isAlive = (pid: number) => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

function startBench() {
  const { DATABASE_URL: _, ...env } = process.env
  const args = ['--import', 'tsx', 'bench/main.ts', 'calls', '30', '--only', 'none']
  const child = spawn(process.execPath, args, { cwd: root, env, stdio: 'ignore' })
  children.push(child)
  if (child.pid === undefined) throw new Error('the bench did not start')
  return { child, pid: child.pid }
}

describe('a bench', { timeout: 120_000 }, () => {
  const signals: readonly (readonly [NodeJS.Signals, number])[] = [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ]
  it.each(casesOf(signals, 1))(
    'that is stopped by %s ends its Postgres and removes its folder',
    async (signal, code) => {
      const { child, pid } = startBench()
      const postgres = await postmasterOf(pid)
      const ended = once(child, 'exit')
      child.kill(signal)
      expect(await ended).toEqual([code, null])
      expect(foldersOf(pid)).toEqual([])
      await vi.waitFor(() => expect(isAlive(postgres)).toBe(false), { timeout: 15_000 })
    },
  )

  it.each(casesOf(['SIGKILL'] as const, 0))('that is killed by %s leaves what the next one removes', async (signal) => {
    const killed = startBench()
    const postgres = await postmasterOf(killed.pid)
    const died = once(killed.child, 'exit')
    killed.child.kill(signal)
    await died
    expect(foldersOf(killed.pid)).toHaveLength(1)
    const next = startBench()
    await postmasterOf(next.pid)
    expect(foldersOf(killed.pid)).toEqual([])
    await vi.waitFor(() => expect(isAlive(postgres)).toBe(false), { timeout: 15_000 })
    const ended = once(next.child, 'exit')
    next.child.kill('SIGTERM')
    await ended
  })
})
