import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { gradingOf, toolCall } from '../../support/app.ts'
import { useDatabase } from '../../support/database.ts'
import { addressOf, kill, logOf, type ServerProcess, spawnServer } from '../../support/server-process.ts'
import { useFolder } from '../../support/temporary.ts'

const programAt = (name: string) => fileURLToPath(new URL(`../../support/settings/${name}.ts`, import.meta.url))
const secrets = { MAIL_URL: 'http://robot:pass%2Fword@mail.example.com/v1', MAIL_KEY: 'correct-horse-battery' }

const home = useDatabase()
const folder = useFolder()
const started: ServerProcess[] = []

afterAll(async () => {
  for (const server of started) await kill(server)
})

/** Starts a program in a folder of its own with this `.env` file. */
function start(
  name: string,
  program: string,
  file: Record<string, string>,
  env: Record<string, string>,
  ...args: string[]
): ServerProcess {
  const cwd = join(folder, name)
  mkdirSync(cwd)
  writeFileSync(
    join(cwd, '.env'),
    Object.entries(file)
      .map(([variable, value]) => `${variable}=${value}\n`)
      .join(''),
  )
  const process = spawnServer(cwd, env, programAt(program), args)
  started.push(process)
  return process
}

async function ask(url: string, path: string, body: object) {
  const response = await fetch(`${url}${path}`, { method: 'POST', body: JSON.stringify(body) })
  return { status: response.status, body: z.looseObject({}).parse(await response.json()) }
}

describe('a server whose environment has settings', () => {
  it('passes them to tools and graders, and never writes their values to its log', async () => {
    const server = start('runs', 'server', secrets, { DATABASE_URL: home.url, PORT: '0', MAX_MAILS: '7' })
    const url = await addressOf(server)
    const called = await ask(url, '/tools/sent_to', toolCall('sent_to', 's-1', 'c-1'))
    expect(called).toMatchObject({ status: 200, body: { output: '{"host":"mail.example.com","most":7}' } })
    expect(await ask(url, '/graders/most', gradingOf('s-1', ''))).toEqual({ status: 200, body: { score: 0.7 } })

    const failed = await ask(url, '/tools/fail', toolCall('fail', 's-2', 'c-2'))
    const ungraded = await ask(url, '/graders/broken', gradingOf('s-2', ''))
    expect([failed.status, ungraded.status]).toEqual([500, 500])
    await expect.poll(() => logOf(server).filter(({ level }) => level === 'error')).toHaveLength(2)
    server.child.kill('SIGTERM')
    expect(await server.ended).toBe(0)
    const all = `${server.written.out}${server.written.err}${JSON.stringify([failed, ungraded])}`
    expect(all).toContain('401 from […] with […]')
    for (const secret of [...Object.values(secrets), 'pass%2Fword', 'pass/word']) expect(all).not.toContain(secret)
  })

  it('does not start if some are missing or invalid, and names all of them and its own invalid variables', async () => {
    const env = { DATABASE_URL: home.url, PORT: 'eighty', MAX_MAILS: 'many', MAIL_KEY: 'short' }
    const server = start('wrong', 'server', {}, env)
    expect(await server.ended).toBe(1)
    expect(server.written.err.trim().split('\n')).toEqual([
      'PORT was "eighty"; it must be a whole number from 0 to 65535',
      'MAIL_URL is not set; it must be a URL (where mail is sent)',
      'MAIL_KEY must have at least 8 characters',
      'MAX_MAILS was "many"; it must be a number',
    ])
    expect(server.written.out).toBe('')
  })

  it('logs at its start where each key comes from', async () => {
    const file = { ...secrets, JWT_SECRET: 'a secret of thirty-two bytes or more' }
    const server = start('keys', 'server', file, {
      DATABASE_URL: home.url,
      PORT: '0',
      API_KEYS: 'trainer:tools=0123456789abcdef0123456789abcdef',
    })
    await addressOf(server)
    // It follows the line with the address.
    await expect.poll(() => server.written.out).toMatch(/"keys: .*\n/)
    const line = logOf(server).find(({ msg }) => msg.startsWith('keys: '))
    expect(line).toMatchObject({ code: 'keys', API_KEYS: 'environment', JWT_SECRET: '.env' })
    expect(line?.msg).toBe('keys: API_KEYS from the environment, JWT_SECRET from the .env file')
    server.child.kill('SIGTERM')
    await server.ended
    for (const secret of ['thirty-two', '0123456789abcdef']) expect(server.written.out).not.toContain(secret)
  })
})

describe('scorekeeper config', () => {
  const config = async (name: string, file: Record<string, string>, env: Record<string, string>, ...args: string[]) => {
    const { written, ended } = start(name, 'scorekeeper', file, env, ...args)
    return { code: await ended, out: written.out, err: written.err }
  }

  it('lists every variable with its source, and shows no secret and no setting of the environment', async () => {
    const file = { ...secrets, JUDGE_API_KEY: 'sk-judge-0001' }
    const env = { DATABASE_URL: 'postgres://me:hidden-word@h/d', LOG_LEVEL: 'warn', MAX_MAILS: '12345' }
    const { code, out, err } = await config('list', file, env, 'config')
    expect([code, err]).toEqual([0, ''])
    const lines = out.split('\n').map((line) => line.trim().split(/\s{2,}/))
    expect(lines).toEqual(
      expect.arrayContaining([
        ['PORT', 'default', '8000'],
        ['LOG_LEVEL', 'environment', 'warn'],
        ['DATABASE_URL', 'environment', '(hidden)'],
        ['JUDGE_API_KEY', '.env', '(hidden)'],
        ['JWT_SECRET', 'not set'],
        ['MAIL_URL', '.env', '(hidden)', 'where mail is sent'],
        ['MAX_MAILS', 'environment', '(hidden)'],
      ]),
    )
    for (const secret of ['hidden-word', 'sk-judge', '12345', ...Object.values(secrets)])
      expect(out).not.toContain(secret)
  })

  it('prints the same as JSON, and exits with 1 if the server would not start', async () => {
    const { code, out, err } = await config('json', {}, { MAIL_URL: 'mail', PORT: '-1' }, 'config', '--json')
    expect(code).toBe(1)
    expect(err.trim().split('\n')).toEqual([
      'PORT was "-1"; it must be a whole number from 0 to 65535',
      'MAIL_URL was "mail"; it must be a URL (where mail is sent)',
      'MAIL_KEY is not set; it must have at least 8 characters',
    ])
    expect(JSON.parse(out)).toMatchObject({
      server: expect.arrayContaining([expect.objectContaining({ name: 'PORT', source: 'environment', value: '-1' })]),
      settings: [
        { name: 'MAIL_URL', source: 'environment' },
        { name: 'MAIL_KEY', source: 'not set' },
        { name: 'MAX_MAILS', source: 'default' },
      ],
    })
  })
})
