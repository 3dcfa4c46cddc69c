import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { makeFolder, removeFolder } from '../../support/temporary.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const launcher = 'scripts/scorekeeper.js'
const [source, compiled] = ['src/cli/main.ts', 'dist/src/cli/main.js']
let folder: string

/** Writes a program that prints this word and its arguments, and exits with 3; its mtime is `seconds` into 2026. */
function write(path: string, word: string, seconds: number): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true })
  const typed = path.endsWith('.ts') ? ': string[]' : ''
  const text = `const args${typed} = process.argv.slice(2)\nconsole.log('${word}', ...args)\nprocess.exitCode = 3\n`
  writeFileSync(join(folder, path), text)
  const time = Date.UTC(2026, 0, 1) / 1000 + seconds
  utimesSync(join(folder, path), time, time)
}

const launch = (...args: readonly string[]) =>
  new Promise<{ code: unknown; out: string }>((resolve) => {
    execFile(process.execPath, [join(folder, launcher), ...args], (error, out) =>
      resolve({ code: error?.code ?? 0, out: out.trim() }),
    )
  })

beforeEach(() => {
  folder = makeFolder()
  mkdirSync(join(folder, 'scripts'))
  cpSync(join(root, launcher), join(folder, launcher))
  cpSync(join(root, 'tsconfig.json'), join(folder, 'tsconfig.json'))
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
})
afterEach(() => removeFolder(folder))

describe('npx scorekeeper', () => {
  it('runs the sources in a clone that was never built, with its arguments and its exit code', async () => {
    write(source, 'source', 0)
    expect(await launch('a', 'b c')).toEqual({ code: 3, out: 'source a b c' })
  })

  it('runs the compiled program if no source is newer, and the sources after a change', async () => {
    write(source, 'source', 0)
    write('tools/index.ts', 'tool', 0)
    write(compiled, 'compiled', 10)
    expect((await launch()).out).toBe('compiled')
    write('tools/index.ts', 'tool', 20)
    expect((await launch()).out).toBe('source')
  })

  it.each([[['--agents', 'x.ts']], [['--learner=x.mts']]])(
    'runs the sources for a module in TypeScript: %j',
    async (args) => {
      write(source, 'source', 0)
      write(compiled, 'compiled', 10)
      expect((await launch('simulate', ...args)).out).toBe(`source simulate ${args.join(' ')}`)
      expect((await launch('simulate', '--agents', 'x.js')).out).toBe('compiled simulate --agents x.js')
      rmSync(join(folder, source))
      expect((await launch('simulate', ...args)).out).toBe(`compiled simulate ${args.join(' ')}`)
    },
  )

  it('runs the compiled program if there are no sources', async () => {
    write(compiled, 'compiled', 0)
    rmSync(join(folder, 'node_modules'))
    expect(await launch('x')).toEqual({ code: 3, out: 'compiled x' })
  })

  it('passes a signal on', async () => {
    mkdirSync(dirname(join(folder, compiled)), { recursive: true })
    writeFileSync(
      join(folder, compiled),
      "process.on('SIGTERM', () => process.exit(7)); console.log('ready'); setInterval(() => {}, 1000)",
    )
    const child = spawn(process.execPath, [join(folder, launcher)], { stdio: ['ignore', 'pipe', 'inherit'] })
    await once(child.stdout, 'data')
    child.kill('SIGTERM')
    expect(await once(child, 'exit')).toEqual([7, null])
  })
})
