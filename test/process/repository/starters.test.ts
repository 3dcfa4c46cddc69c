import { execFile } from 'node:child_process'
import { cpSync, existsSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, inject, it } from 'vitest'
import { z } from 'zod'
import { useFolder } from '../../support/temporary.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const folders = existsSync(join(root, 'starters')) ? readdirSync(join(root, 'starters'), { withFileTypes: true }) : []
const starters = folders.filter((entry) => entry.isDirectory()).map(({ name }) => name)
const left = new Set(['node_modules', '.git', '.data', '.env', 'dist', 'coverage'])

/** Runs a program in a folder; returns its exit code and output. */
async function run(cwd: string, program: string, args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const { PATH = '', HOME = '' } = process.env
  const options = { cwd, env: { PATH, HOME, NO_COLOR: '1', ...env }, maxBuffer: 64 * 1024 * 1024 }
  return await promisify(execFile)(program, args, options).then(
    ({ stdout, stderr }) => ({ code: 0, printed: stdout + stderr }),
    (error: { code: number; stdout: string; stderr: string }) => ({
      code: error.code,
      printed: error.stdout + error.stderr,
    }),
  )
}

it('a repository has a README, and the lists that the server imports', () => {
  for (const path of ['README.md', 'tools/index.ts', 'graders/index.ts', 'schema/environment.ts']) {
    expect([path, existsSync(join(root, path))]).toEqual([path, true])
  }
})

describe.each(starters)('the starter %s, put in place by init', (starter) => {
  const folder = useFolder()
  const node = (script: string, ...args: readonly string[]) =>
    run(folder, process.execPath, [join(root, 'node_modules', script), ...args], {
      TEST_DATABASE_URL: inject('testServer').url,
    })

  beforeAll(async () => {
    cpSync(root, folder, { recursive: true, filter: (path) => !left.has(path.slice(root.length).split('/')[0] ?? '') })
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
    const git = ['-c', 'user.name=t', '-c', 'user.email=t@localhost', '-c', 'commit.gpgsign=false']
    await run(folder, 'git', ['init', '-q'])
    writeFileSync(join(folder, '.git/info/exclude'), 'node_modules\n')
    await run(folder, 'git', ['add', '-A'])
    await run(folder, 'git', [...git, 'commit', '-qm', 'the template'])
    const done = await node('tsx/dist/cli.mjs', 'src/cli/main.ts', 'init', '--from', starter, '--yes')
    expect(done).toEqual({ code: 0, printed: expect.stringContaining(`files of starters/${starter} are in place`) })
  }, 120_000)

  it('compiles', { timeout: 120_000 }, async () => {
    expect(await node('typescript/bin/tsc')).toEqual({ code: 0, printed: '' })
  })

  it('passes the linter', { timeout: 60_000 }, async () => {
    const { code, printed } = await node('@biomejs/biome/bin/biome', 'check', '.')
    expect(code, printed).toBe(0)
  })

  it('passes its own tests', { timeout: 120_000 }, async () => {
    const own = ['tools', 'graders', 'schema', 'demo'].map((name) => `${folder}/${name}/`)
    const { code, printed } = await node('vitest/vitest.mjs', 'run', '--project', 'database', ...own)
    expect(code, printed).toBe(0)
    expect(printed).toMatch(/Tests +[1-9]\d* passed/)
  })

  it('has no script and no link that refers to a deleted file', () => {
    const { scripts } = z
      .object({ scripts: z.record(z.string(), z.string()) })
      .parse(JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')))
    const text = [readFileSync(join(folder, 'README.md'), 'utf8'), ...Object.values(scripts)].join('\n')
    expect(text).not.toMatch(/\b(example|starters)\//)
  })

  it('fails no check of its dataset', { timeout: 60_000 }, async () => {
    const { printed } = await node('tsx/dist/cli.mjs', 'src/cli/main.ts', 'dataset', 'check', 'demo/dataset.jsonl')
    // A reference that lists effects repeats ids from the messages, such as that of an order.
    const failed = [...printed.matchAll(/^fail {2}(\w+)/gm)]
      .map(([, check]) => check)
      .filter((check) => check !== 'leaks')
    expect([failed, printed]).toEqual([[], expect.stringMatching(/^pass {2}references/m)])
  })
})
