import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  cpSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { z } from 'zod'
import { createTestDatabase, type TestDatabase } from '../../support/database.ts'
import { useFolder } from '../../support/temporary.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const read = (path: string) => readFileSync(join(root, path), 'utf8')
const lock = z
  .object({
    packages: z.record(
      z.string(),
      z.object({
        version: z.string().optional(),
        integrity: z.string().optional(),
        dev: z.boolean().default(false),
        optional: z.boolean().default(false),
      }),
    ),
  })
  .parse(JSON.parse(read('package-lock.json')))
const packages = Object.entries(lock.packages).filter(([path]) => path !== '')

/** Every file below a folder, with the metadata that a write would change. */
function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => {
      const { mode, size, mtimeMs, ctimeMs } = lstatSync(join(folder, name))
      return [name, mode, size, mtimeMs, ctimeMs].join(' ')
    })
    .sort()
}

describe('the production build, laid out as in the image, run by an unprivileged user in a read-only tree', () => {
  const folder = useFolder()
  let app: string
  let home: TestDatabase

  beforeAll(async () => {
    home = await createTestDatabase({ migrated: false })
    app = join(folder, 'app')
    mkdirSync(app)
    const compiler = [join(root, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.test.json']
    await promisify(execFile)(process.execPath, [...compiler, '--outDir', join(app, 'dist')], { cwd: root })
    await promisify(execFile)(process.execPath, ['scripts/copy-data.js', join(app, 'dist')], { cwd: root })
    for (const [path] of packages.filter(([, { dev, optional }]) => !dev && !optional)) {
      cpSync(join(root, path), join(app, path), {
        recursive: true,
        filter: (file) => !/\.(d\.[cm]?ts|map)$/.test(file),
      })
    }
    cpSync(join(root, 'package.json'), join(app, 'package.json'))
    for (const name of ['', ...readdirSync(app, { recursive: true, encoding: 'utf8' })]) {
      const path = join(app, name)
      if (!lstatSync(path).isSymbolicLink()) chmodSync(path, lstatSync(path).isDirectory() ? 0o555 : 0o444)
    }
  }, 120_000)

  afterAll(async () => {
    for (const name of ['', ...readdirSync(app, { recursive: true, encoding: 'utf8' })]) {
      const path = join(app, name)
      if (!lstatSync(path).isSymbolicLink()) chmodSync(path, 0o755)
    }
    await home.drop()
  })

  it('starts, migrates, serves and stops, and writes no file', async () => {
    const before = filesIn(app)
    const unprivileged = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {}
    const { PATH = '' } = process.env
    const env = { PATH, HOME: app, TMPDIR: app, NODE_ENV: 'production', PORT: '0' }
    const settings = { DATABASE_URL: home.url, API_KEYS: 'a-key-of-sixteen-characters', RETENTION_DAYS: '1' }
    const server = spawn(process.execPath, ['dist/test/environment/server.js'], {
      cwd: app,
      env: { ...env, ...settings },
      ...unprivileged,
    })
    let output = ''
    for (const stream of [server.stdout, server.stderr]) stream.on('data', (chunk: Buffer) => (output += String(chunk)))
    const ended = once(server, 'close')
    await vi.waitFor(() => expect(output).toContain('listening on'), { timeout: 20_000 })
    const url = /http:\/\/127\.0\.0\.1:\d+/.exec(output)?.[0] ?? ''
    const send = (path: string, body: unknown) =>
      fetch(`${url}${path}`, {
        method: 'POST',
        headers: { 'x-api-key': settings.API_KEYS },
        body: JSON.stringify({ trace_id: 'contained', item: { reference_answer: '94' }, ...Object(body) }),
      })
    expect((await fetch(`${url}/readyz`)).status).toBe(200)
    expect((await send('/tools/list', { call_id: 'a', arguments: { path: '' } })).status).toBe(200)
    expect((await send('/grade', { sample: { output_text: '94' } })).status).toBe(200)
    expect(writtenBy(server.pid ?? 0, app)).toEqual([])

    // The compiled CLI simulates against it, with the environment's agents.
    const rows = join(folder, 'rows.jsonl')
    writeFileSync(rows, JSON.stringify({ messages: [{ role: 'user', content: 'how much?' }], reference_answer: '1' }))
    const program = ['dist/test/environment/scorekeeper.js', 'simulate', url, '--dataset', rows, '--json']
    const asTrainer = { cwd: app, env: { PATH, SCOREKEEPER_KEY: settings.API_KEYS } }
    const play = (...more: string[]) => promisify(execFile)(process.execPath, [...program, ...more], asTrainer)
    expect(JSON.parse((await play('--agent', 'guessing')).stdout).all.scored).toBe(4)
    const failed = await play('--agents', join(root, 'test/environment/agents.ts')).catch(
      (error: { stderr: string }) => error,
    )
    expect(failed.stderr).toMatch(/is TypeScript, which this Node does not run|^$/)
    server.kill('SIGTERM')
    expect((await ended)[0]).toBe(0)
    expect(filesIn(app)).toEqual(before)
  })
})

/** The files on disk that a process holds open, where the system shows them; what the app consists of may be read. */
function writtenBy(pid: number, app: string): string[] {
  if (process.platform !== 'linux') return []
  return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    const path = readlinkSync(`/proc/${pid}/fd/${fd}`)
    return path.startsWith('/') && !/^\/(dev|proc|sys)\//.test(path) && !path.startsWith(app) ? [path] : []
  })
}

describe('the image', () => {
  const dockerfile = read('Dockerfile')
  const image = dockerfile.slice(dockerfile.lastIndexOf('\nFROM '))

  it('runs as a user who is not root, with a health check', () => {
    expect(image).toMatch(/^USER [1-9]\d*:[1-9]\d*$/m)
    expect(image.indexOf('USER ')).toBeLessThan(image.indexOf('\nCMD '))
    expect(image).toMatch(/^HEALTHCHECK /m)
  })

  it('has a pinned base image, and locked dependencies with their checksums', () => {
    expect(dockerfile).toMatch(/^ARG NODE_IMAGE=node:\d+\.\d+\.\d+-\S+$/m)
    expect(dockerfile.match(/^FROM .*/gm)?.every((line) => line.startsWith(`FROM \${NODE_IMAGE}`))).toBe(true)
    expect(dockerfile).not.toMatch(/npm (install|i) /)
    expect(packages.filter(([, { version, integrity }]) => !version || !/^sha512-/.test(integrity ?? ''))).toEqual([])
  })

  it('contains no secret: files that may hold one are not in the build context, and no layer is given one', () => {
    const ignored = read('.dockerignore').trim().split('\n')
    for (const path of ['**/.env', '**/.env.*', '**/*.key', '**/*.pem', '.git', '.data'])
      expect(ignored).toContain(path)
    expect(image).not.toMatch(/^COPY (?!--from=)(?!package\.json LICENSE \.\/$)/m)
    expect(dockerfile).not.toMatch(/^(ARG|ENV) .*(KEY|SECRET|PASSWORD|TOKEN|DATABASE_URL)/m)
  })

  it('gets the protocols and their ports from the environment of compose', () => {
    const server = read('compose.yaml').split(/^ {2}server:$/m)[1] ?? ''
    for (const name of ['WIRES', 'WIRE_PORTS']) expect(server).toContain(`\n      ${name}: \${${name}:-}\n`)
  })

  it('runs with a read-only file system, no capabilities and no way to gain any', () => {
    const server = read('compose.yaml').split(/^ {2}server:$/m)[1] ?? ''
    for (const line of [
      'read_only: true',
      'tmpfs: [/tmp]',
      'cap_drop: [ALL]',
      'security_opt: ["no-new-privileges:true"]',
    ]) {
      expect(server).toContain(`\n    ${line}\n`)
    }
  })
})
