import { expect } from 'vitest'
import { createTestDatabase } from '../database.ts'
import { addressOf, kill, logOf, spawnServer } from '../server-process.ts'
import { makeFolder, removeFolder } from '../temporary.ts'

/** The body of a call that every server answers, with the directories of the test environment. */
export const call = '{"name":"list","arguments":{"path":""}}'

/** Starts the server in a process of its own, as the target. */
export async function startTarget() {
  const home = await createTestDatabase()
  const folder = makeFolder()
  const server = spawnServer(folder, { DATABASE_URL: home.url, PORT: '0' })
  const url = await addressOf(server)
  return {
    port: Number(new URL(url).port),
    /** Checks that the same process still runs, has logged nothing but the bad requests, and serves others. */
    async isWell(): Promise<void> {
      expect([server.child.exitCode, server.child.signalCode, server.written.err]).toEqual([null, null, ''])
      const health = await fetch(`${url}/healthz`)
      expect([health.status, await health.json()]).toEqual([200, { status: 'ok' }])
      const answer = await fetch(`${url}/tools`, { method: 'POST', body: call })
      expect([answer.status, await answer.json()]).toMatchObject([200, { output: expect.stringContaining('C7/') }])
      expect(logOf(server).filter(({ level }) => level === 'error' || level === 'fatal')).toEqual([])
    },
    async close() {
      await kill(server)
      await home.drop()
      await removeFolder(folder)
    },
  }
}
