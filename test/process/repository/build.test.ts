import { execFile } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeEach, describe, expect, it } from 'vitest'
import { useFolder } from '../../support/temporary.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const parent = useFolder()
let folder = ''
let made = 0

function write(path: string, text: string): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true })
  writeFileSync(join(folder, path), text)
}
const read = (path: string) => readFileSync(join(folder, path), 'utf8')
const node = (...args: readonly string[]) =>
  new Promise<unknown>((resolve) => {
    execFile(process.execPath, args, { cwd: folder }, (error) => resolve(error?.code ?? 0))
  })
const build = (...args: readonly string[]) => node(join(folder, 'scripts/build.js'), ...args)

beforeEach(() => {
  made += 1
  folder = join(parent, String(made))
  mkdirSync(folder)
  for (const file of ['scripts', 'tsconfig.json', 'tsconfig.build.json', 'package.json']) {
    cpSync(join(root, file), join(folder, file), { recursive: true })
  }
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
  mkdirSync(join(folder, 'graders'))
  write('src/cli/code-hashes.ts', '')
  write('src/one.ts', 'export const one: number = 1\n')
})

describe('a build', { timeout: 120_000 }, () => {
  it('is left out where the sources have the same content, whatever their time', async () => {
    expect(await build('--if-changed')).toBe(0)
    expect(read('dist/src/one.js')).toContain('one = 1')
    write('dist/src/one.js', 'untouched')
    utimesSync(join(folder, 'src/one.ts'), new Date(), new Date())
    expect(await build('--if-changed')).toBe(0)
    expect(read('dist/src/one.js')).toBe('untouched')
    write('src/one.ts', 'export const one: number = 2\n')
    expect(await build('--if-changed')).toBe(0)
    expect(read('dist/src/one.js')).toContain('one = 2')
  })

  it('has nothing of a source that is gone', async () => {
    write('example/setup.ts', 'export const setup = 1\n')
    expect(await build()).toBe(0)
    expect(existsSync(join(folder, 'dist/example/setup.js'))).toBe(true)
    rmSync(join(folder, 'example'), { recursive: true })
    write('dist/measured/bench/load.js', 'of another build')
    expect(await build('--if-changed')).toBe(0)
    expect(existsSync(join(folder, 'dist/example/setup.js'))).toBe(false)
    expect(existsSync(join(folder, 'dist/example/setup.js.map'))).toBe(false)
    expect(read('dist/measured/bench/load.js')).toBe('of another build')
    expect(read('dist/src/one.js')).toContain('one = 1')
  })

  it('without a check of the types is the same, and has what is imported from a folder of the user’s own', async () => {
    // A check would not pass this, and the compiler must not read the package.
    write(
      'tools/one.ts',
      "import zod from 'zod'\nimport { two } from '../lib/two.ts'\nexport const one: number = zod.two + two\n",
    )
    write('lib/two.ts', "export const two: number = 'two'\n")
    const unchecked =
      "const { build } = await import('./scripts/build.js'); process.exitCode = await build({ types: false })"
    const files = ['src/one.js', 'tools/one.js', 'lib/two.js', 'tools/one.js.map']
    expect(await node('--input-type=module', '-e', unchecked)).toBe(0)
    const first = files.map((file) => read(join('dist', file)))
    expect(first[1]).toContain("from '../lib/two.js'")
    const checked = 'tsconfig.build.json'
    await node('node_modules/typescript/bin/tsc', '-p', checked)
    expect(files.map((file) => read(join('dist', file)))).toEqual(first)
  })

  it('is made again after one that failed, and reports the failure', async () => {
    expect(await build()).toBe(0)
    write('src/one.ts', "export const one: number = 'two'\n")
    for (let time = 0; time < 2; time += 1) expect(await build('--if-changed')).not.toBe(0)
    expect(existsSync(join(folder, 'dist/built-from'))).toBe(false)
  })

  it('notices a source that was added or removed, and a migration', async () => {
    expect(await build()).toBe(0)
    for (const path of ['src/two.ts', 'schema/migrations/0001.sql']) {
      write(path, '')
      write('dist/src/one.js', 'old')
      expect(await build('--if-changed')).toBe(0)
      expect(read('dist/src/one.js')).toContain('one = 1')
    }
  })
})
