import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { toolCall } from '../../support/app.ts'
import { useDatabase } from '../../support/database.ts'
import { addressOf, kill, type ServerProcess, spawnServer } from '../../support/server-process.ts'
import { useFolder } from '../../support/temporary.ts'

const home = useDatabase()
const folder = useFolder()
const started: ServerProcess[] = []

afterAll(async () => {
  for (const server of started) await kill(server)
})

/** Starts a program whose environment offers the tools of another server. */
function start(name: string, program: string, env: Record<string, string>, ...args: string[]): ServerProcess {
  const cwd = join(folder, name)
  mkdirSync(cwd)
  const entry = fileURLToPath(new URL(`../../support/tool-servers/${program}.ts`, import.meta.url))
  const process = spawnServer(cwd, { DATABASE_URL: home.url, PORT: '0', ...env }, entry, args)
  started.push(process)
  return process
}

const isRunning = (pid: number) => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

describe('an environment with the tools of another server', () => {
  it('starts the other server, calls its tools, and ends it when it stops', async () => {
    const server = start('command', 'server', {})
    const url = await addressOf(server)
    const body = JSON.stringify(toolCall('count', 'r-1', 'c-1'))
    const answer = await fetch(`${url}/tools/count`, { method: 'POST', body })
    const { output } = z.object({ output: z.string() }).parse(await answer.json())
    const { pid } = z.object({ letters: z.literal(0), pid: z.number() }).parse(JSON.parse(output))
    expect(isRunning(pid)).toBe(true)
    server.child.kill('SIGTERM')
    expect(await server.ended).toBe(0)
    await expect.poll(() => isRunning(pid)).toBe(false)
  })

  it('does not start while the other server cannot be reached, and says what to do', async () => {
    const server = start('unreachable', 'server', { LETTERS_URL: 'http://127.0.0.1:59/mcp?key=hidden' })
    expect(await server.ended).toBe(1)
    expect(server.written.err.trim()).toBe(
      'the MCP server at http://127.0.0.1:59 cannot be reached: ECONNREFUSED; start it, or correct its address',
    )
  })

  it('has their names in a job', async () => {
    const args = ['job', '--for', 'openai', '--url', 'https://tools.example.com', '--training-file', 'file-1', '--json']
    const job = start('job', 'scorekeeper', {}, ...args)
    expect(await job.ended).toBe(0)
    expect(job.written.out).toContain('/tools/send_letter')
    expect(job.written.out).toContain('/tools/count')
  })

  it('does not ask for them in a command that needs no tools', async () => {
    const config = start('config', 'scorekeeper', { LETTERS_URL: 'http://127.0.0.1:59/mcp' }, 'config')
    expect(await config.ended).toBe(0)
  })
})
