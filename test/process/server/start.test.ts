import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { loadConfig } from '../../../src/server/config/config.ts'
import { startWarnings } from '../../../src/server/start-notices.ts'
import { useDatabase } from '../../support/database.ts'
import { addressOf, kill, logOf, serverEntry, spawnServer } from '../../support/server-process.ts'
import { useFolder } from '../../support/temporary.ts'

const home = useDatabase()
const folder = useFolder()

const codes = (env: Record<string, string>, hasEnvFile: boolean) =>
  startWarnings(loadConfig(env), hasEnvFile).map(({ code }) => code)

describe('a server in production', () => {
  const database = { DATABASE_URL: 'postgres://u@h/d' }

  it('warns about an embedded database and a .env file that it does not read; otherwise there is no warning', () => {
    expect(codes({ NODE_ENV: 'production' }, true)).toEqual(['embedded_in_production', 'env_file_ignored'])
    expect(codes({ NODE_ENV: 'production', ...database }, false)).toEqual([])
    expect(codes({ NODE_ENV: 'production', ...database }, true)).toEqual(['env_file_ignored'])
    expect(codes({}, true)).toEqual([])
  })

  it('warns in one line of its log, before anything else', async () => {
    const cwd = join(folder, 'production')
    mkdirSync(cwd)
    writeFileSync(join(cwd, '.env'), `DATABASE_URL=${home.url}\n`)
    const server = spawnServer(cwd, { NODE_ENV: 'production', PORT: '0' })
    await addressOf(server)
    expect(logOf(server).slice(0, 2)).toMatchObject([
      {
        level: 'warn',
        code: 'embedded_in_production',
        msg: expect.stringMatching(/DATA_DIR \(\.data\).*set DATABASE_URL/),
      },
      { level: 'warn', code: 'env_file_ignored' },
    ])
    server.child.kill('SIGTERM')
    expect(await server.ended).toBe(0)
    await kill(server)
  })
})

describe('npm start', () => {
  it('leaves no server running when npm is terminated', async () => {
    const cwd = join(folder, 'npm')
    mkdirSync(cwd)
    const start = `node --import "${import.meta.resolve('tsx')}" "${serverEntry}"`
    writeFileSync(join(cwd, 'package.json'), JSON.stringify({ scripts: { start } }))
    const { PATH = '' } = process.env
    const env = { PATH, HOME: folder, DATABASE_URL: home.url, PORT: '0' }
    const child = spawn('npm', ['start', '--silent'], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
    const written = { out: '', err: '' }
    child.stdout.on('data', (chunk: Buffer) => {
      written.out += chunk.toString()
    })
    // The server holds the pipe as long as it lives, which may be longer than npm.
    const closed = once(child, 'close')
    const server = { child, written, ended: closed.then(() => null) }
    const url = await addressOf(server)
    child.kill('SIGTERM')
    await closed
    expect(logOf(server).at(-1)?.msg).toContain('stopping')
    await expect(fetch(`${url}/healthz`)).rejects.toThrow()
  })
})
