import { spawn } from 'node:child_process'
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseEnv } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createAuthenticator } from '../../../src/server/auth/authenticate.ts'
import { readAuthSettings } from '../../../src/server/auth/settings.ts'
import { authErrorOf, bearer } from '../../support/auth/auth-error.ts'
import { compiled } from '../../support/scorekeeper.ts'

describe('npm run token', { timeout: 60_000 }, () => {
  let folder: string
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'token-'))
  })
  afterEach(() => rm(folder, { recursive: true }))

  async function run(args: readonly string[], env: Record<string, string> = {}) {
    const { PATH = '' } = process.env
    const child = spawn(process.execPath, [compiled('src/cli/token.js'), ...args], {
      cwd: folder,
      env: { PATH, ...env },
    })
    let stdout = ''
    let stderr = ''
    child.stdout.on('data', (chunk) => {
      stdout += chunk
    })
    child.stderr.on('data', (chunk) => {
      stderr += chunk
    })
    const code = await new Promise((resolve) => child.on('close', resolve))
    return { code, stdout, stderr }
  }
  const env = () => readFile(join(folder, '.env'), 'utf8')

  it('creates a missing secret in a .env file that only its owner can read, and its token is accepted', async () => {
    const made = await run(['--scope', 'tools,grade', '--days', '30', '--subject', 'my-trainer'])
    expect(made.code).toBe(0)
    expect(made.stdout).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+\n$/)
    expect(made.stderr).toMatch(
      /new one was added to \.env[\s\S]*Restart[\s\S]*tools, grade[\s\S]*Authorization: Bearer/,
    )
    expect((await stat(join(folder, '.env'))).mode & 0o777).toBe(0o600)

    const settings = readAuthSettings(parseEnv(await env()))
    const principal = await createAuthenticator(settings)(bearer(made.stdout.trim()))
    expect([principal.subject, ...principal.scopes]).toEqual(['my-trainer', 'tools', 'grade'])
    const later = createAuthenticator(settings, { now: () => new Date(Date.now() + 31 * 24 * 60 * 60 * 1000) })
    expect((await authErrorOf(later(bearer(made.stdout.trim())))).code).toBe('expired_token')

    const again = await run(['--scope', 'admin'])
    expect(again.stderr).not.toContain('new one')
    expect((await createAuthenticator(settings)(bearer(again.stdout.trim()))).scopes.has('admin')).toBe(true)
  })

  it('prints it all as JSON on request', async () => {
    const made = await run(['--json', '--scope', 'read'], { JWT_SECRET: 'a secret that is at least 32 bytes long' })
    const { token, ...rest } = JSON.parse(made.stdout)
    expect(token).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+$/)
    expect(rest).toEqual({ subject: 'token', scopes: ['read'], expiresAt: expect.stringMatching(/^\d{4}-.*Z$/) })
  })

  it('binds a token to runs', async () => {
    const secret = { JWT_SECRET: 'a secret that is at least 32 bytes long' }
    const made = await run(['--runs', 'final,exp-*', '--runs', 'final,eval'], secret)
    expect(made.stderr).toContain('runs     final, exp-*, eval')
    const principal = await createAuthenticator(readAuthSettings(secret))(bearer(made.stdout.trim()))
    expect(principal.runs).toEqual(['final', 'exp-*', 'eval'])
    const refused = await run(['--runs', 'a/b'], secret)
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringMatching(/It must be runs separated by commas/)])
  })

  it('adds to an existing .env without changing its contents', async () => {
    await writeFile(join(folder, '.env'), 'PORT=9000\n# JWT_SECRET=\nJWT_SECRET=\nJWT_ISSUER=me')
    await chmod(join(folder, '.env'), 0o640)
    const made = await run([])
    expect(await env()).toMatch(/^PORT=9000\n# JWT_SECRET=\nJWT_SECRET=\nJWT_ISSUER=me\nJWT_SECRET=[\w-]{64}\n$/)
    expect((await stat(join(folder, '.env'))).mode & 0o777).toBe(0o640)
    const authenticate = createAuthenticator(readAuthSettings(parseEnv(await env())))
    expect((await authenticate(bearer(made.stdout.trim()))).subject).toBe('token')
  })

  it('signs with the secret, issuer and audience of the environment, which take precedence over .env', async () => {
    await writeFile(
      join(folder, '.env'),
      'JWT_SECRET=the one in the file, which does not count\nJWT_AUDIENCE=scorekeeper\n',
    )
    const given = { JWT_SECRET: 'the one in the environment, which counts', JWT_ISSUER: 'https://issuer.example' }
    const made = await run(['--scope', 'read', '--scope', 'grade'], given)
    const settings = readAuthSettings({ ...given, JWT_AUDIENCE: 'scorekeeper' })
    const principal = await createAuthenticator(settings)(bearer(made.stdout.trim()))
    expect([...principal.scopes]).toEqual(['read', 'grade'])
  })

  it.each([
    [
      ['--scope', 'tools,root'],
      /'--scope <scopes>' argument 'tools,root' is invalid\. "root" is not a scope; the scopes are tools, grade, read, metrics, admin/,
    ],
    [['--scope', ''], /'--scope <scopes>' argument '' is invalid\. no scope given/],
    [['--days', '0'], /'--days <n>' argument '0' is invalid\. It must be a whole number from 1 to 3650/],
    [['--days', 'soon'], /--days .*'soon'/],
    [['--subject', ''], /--subject .*It must be 1 to 200 characters/],
    [['--scopes', 'tools'], /--scopes/],
    [['tools'], /tools/],
  ])('refuses %j, names what is wrong, and writes nothing', async (args, message) => {
    const refused = await run(args)
    expect(refused).toMatchObject({ code: 1, stdout: '' })
    expect(refused.stderr).toMatch(message)
    await expect(env()).rejects.toThrow('ENOENT')
  })

  it('refuses a secret that is too short, naming the variable and not the secret', async () => {
    const refused = await run([], { JWT_SECRET: 'hush' })
    expect(refused).toMatchObject({ code: 1, stdout: '' })
    expect(refused.stderr).toMatch(/JWT_SECRET: must have at least 32 bytes, but has 4/)
    expect(refused.stderr).not.toContain('hush')
  })
})
