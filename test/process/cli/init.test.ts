import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { compiled } from '../../support/scorekeeper.ts'
import { makeFolder, removeFolder } from '../../support/temporary.ts'

const run = promisify(execFile)
let folder: string

/** What a template consists of, as far as `init` looks at it. */
const template: Readonly<Record<string, string>> = {
  '.gitignore': '.data/\n.env\n',
  'package.json': `{
  "name": "template",
  "scripts": {
    "demo": "tsx src/demo.ts",
    "corpus": "tsx example/corpus.ts",
    "play": "tsx starters/play.ts"
  },
  "private": true
}
`,
  'README.md': 'The template.\n',
  'src/kit.ts': 'export const kit = 1\n',
  'example/corpus.ts': 'export {}\n',
  'tools/search.ts': 'export {}\n',
  'tools/index.ts': "export { search } from './search.ts'\n",
  'graders/index.ts': 'export {}\n',
  'schema/migrations/0000_pages.sql': 'create table pages ()\n',
  'starters/blank/README.md': 'Mine. See [docs](../../docs/a.md) and [tools](tools/index.ts).\n',
  'starters/blank/tools/index.ts': "import { kit } from '../../../src/kit.ts'\nimport { b } from '../schema/b.ts'\n",
  'starters/blank/graders/index.ts': 'export {}\n',
  'starters/blank/schema/b.ts': "export const b = new URL('../../../src/kit.ts', import.meta.url)\n",
  'starters/other/tools/index.ts': 'export {}\n',
}

const put = (path: string, text: string) => {
  mkdirSync(dirname(join(folder, path)), { recursive: true })
  writeFileSync(join(folder, path), text)
}
const read = (path: string) => readFileSync(join(folder, path), 'utf8')
const git = (...args: readonly string[]) =>
  run('git', ['-c', 'user.name=t', '-c', 'user.email=t@localhost', '-c', 'commit.gpgsign=false', ...args], {
    cwd: folder,
  })

/** Runs `init` in the folder, with this on its standard input. */
async function init(args: readonly string[], input = '') {
  const child = execFile(process.execPath, [compiled('test/environment/scorekeeper.js'), 'init', ...args], {
    cwd: folder,
    env: { PATH: process.env['PATH'] ?? '' },
  })
  const output = { out: '', err: '' }
  child.stdout?.on('data', (text: string) => (output.out += text))
  child.stderr?.on('data', (text: string) => (output.err += text))
  child.stdin?.end(input)
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve))
  return { code, ...output }
}

beforeEach(async () => {
  folder = makeFolder()
  for (const [path, text] of Object.entries(template)) put(path, text)
  await git('init', '-q')
  await git('add', '-A')
  await git('commit', '-qm', 'the template')
})
afterEach(() => removeFolder(folder))

describe('the command init', () => {
  it('deletes the example, puts the starter in its place, and leaves the rest as it was', async () => {
    const { code, out } = await init(['--yes'])
    expect([code, out]).toEqual([0, expect.stringContaining('4 files of starters/blank are in place')])
    expect(
      ['example', 'starters', 'tools/search.ts', 'schema/migrations'].filter((path) => existsSync(join(folder, path))),
    ).toEqual([])
    expect(read('tools/index.ts')).toBe("import { kit } from '../src/kit.ts'\nimport { b } from '../schema/b.ts'\n")
    expect(read('schema/b.ts')).toBe("export const b = new URL('../src/kit.ts', import.meta.url)\n")
    expect(read('README.md')).toBe('Mine. See [docs](docs/a.md) and [tools](tools/index.ts).\n')
    expect(read('package.json')).toBe(`{
  "name": "template",
  "scripts": {
    "demo": "tsx src/demo.ts"
  },
  "private": true
}
`)
    const { stdout } = await git('status', '--porcelain', 'src')
    expect(stdout).toBe('')
  })

  it('says what it deletes, and changes nothing unless the answer is yes', async () => {
    const { code, out } = await init([], 'n\n')
    expect(code).toBe(1)
    expect(out).toMatch(
      / {2}example\/ +1 file\n {2}starters\/ +5 files\n {2}tools\/ +2 files\n {2}graders\/ +1 file\n {2}schema\/ +1 file\n/,
    )
    expect((await git('status', '--porcelain')).stdout).toBe('')
    expect((await init([], '')).code).toBe(1)
    expect((await git('status', '--porcelain')).stdout).toBe('')
    expect((await init([], 'y\n')).code).toBe(0)
  })

  it('refuses a work tree with changes and names them', async () => {
    put('tools/mine.ts', 'export {}\n')
    const { code, err } = await init(['--yes'])
    expect([code, err]).toEqual([1, 'init: the work tree has changes; commit or stash them first:\n  tools/mine.ts\n'])
    expect(existsSync(join(folder, 'example'))).toBe(true)
  })

  it.each([
    [['--from', 'nothing'], 'there is no starter "nothing"; the starters are: blank, other'],
    [['--from', '../src'], 'there is no starter "../src"'],
  ])('lists the starters: %j', async (args, message) => {
    const { code, err } = await init([...args, '--yes'])
    expect([code, err]).toEqual([1, expect.stringContaining(message)])
  })

  it('leaves a repository into which the commands of docs/update.md merge a newer template', async () => {
    const page = readFileSync(new URL('../../../docs/update.md', import.meta.url), 'utf8')
    const commands = (page.match(/^ {4}git .*$/gm) ?? [])
      .map((line) => line.trim())
      .filter((line) => !/ remote /.test(line))
    expect(commands).toHaveLength(5)
    await git('branch', 'upstream')
    await init(['--yes'])
    await git('add', '-A')
    await git('commit', '-qm', 'mine')
    const base = (await git('rev-parse', 'HEAD')).stdout.trim()
    await git('checkout', '-q', 'upstream')
    put('src/kit.ts', 'export const kit = 2\n')
    put('example/corpus.ts', 'export const newer = 1\n')
    put('starters/blank/tools/index.ts', 'export const newer = 1\n')
    put('tools/index.ts', 'export const newer = 1\n')
    put('tools/another.ts', 'export const newer = 1\n')
    put('README.md', 'A newer template.\n')
    put('demo/x.ts', 'export {}\n')
    await git('add', '-A')
    await git('commit', '-qm', 'newer')
    await git('checkout', '-q', base)
    put('demo/agents.ts', 'export {}\n')
    await git('add', '-A')
    await git('commit', '-qm', 'agents')
    await git('update-ref', 'refs/remotes/upstream/main', 'refs/heads/upstream')
    for (const command of commands.slice(1)) {
      const words = command.replaceAll('"', '').split(' ')
      const message = words.indexOf('-m')
      const args = message < 0 ? words.slice(1) : [...words.slice(1, message + 1), words.slice(message + 1).join(' ')]
      const merges = args[0] === 'merge'
      if (merges) await expect(git(...args)).rejects.toThrow()
      else await git(...args)
    }
    const { stdout } = await git('diff', '--stat', '--name-status', 'HEAD^')
    expect(stdout).toBe('M\tsrc/kit.ts\n')
    expect((await git('status', '--porcelain')).stdout).toBe('')
  })

  it('can be run only once', async () => {
    await init(['--yes'])
    await git('add', '-A')
    await git('commit', '-qm', 'mine')
    const { code, err } = await init(['--yes'])
    expect([code, err]).toEqual([1, expect.stringContaining('there is no starters/ folder')])
  })

  it('leaves the example’s embedded database alone and names another one in .env', async () => {
    put('.data/postgres/PG_VERSION', '18\n')
    put('.env', 'LOG_LEVEL=warn')
    const { code, out } = await init(['--yes'])
    expect([code, out]).toEqual([0, expect.stringContaining('.env now has DATA_DIR=.data/blank.')])
    expect(read('.env')).toBe('LOG_LEVEL=warn\nDATA_DIR=.data/blank\n')
    expect(read('.data/postgres/PG_VERSION')).toBe('18\n')
  })

  it('says that a database which .env names may be refused', async () => {
    put('.data/x', '')
    put('.env', 'DATABASE_URL=postgres://u@h/d\n')
    const { out } = await init(['--yes'])
    expect(out).toContain('.env names a database in DATABASE_URL')
    expect(read('.env')).toBe('DATABASE_URL=postgres://u@h/d\n')
  })
})
