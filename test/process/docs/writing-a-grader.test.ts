import { execFile } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { makeFolder } from '../../support/temporary.ts'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../../..', import.meta.url))
const page = readFileSync(join(root, 'docs/writing-a-grader.md'), 'utf8')
/** The page's files: each block of TypeScript begins with its path. */
const files = [...page.matchAll(/^```ts\n\/\/ (?<path>\S+)\n(?<code>[\s\S]*?)^```$/gmu)].map(({ groups }) => ({
  path: groups?.['path'] ?? '',
  code: groups?.['code'] ?? '',
}))

let folder: string

/** A project of this server that contains the page's files. */
beforeAll(() => {
  folder = makeFolder()
  for (const shared of ['src', 'node_modules', 'package.json']) {
    symlinkSync(join(root, shared), join(folder, shared))
  }
  mkdirSync(join(folder, 'schema'))
  const environment = readFileSync(join(root, 'test/environment/environment.ts'), 'utf8')
  writeFileSync(join(folder, 'schema/environment.ts'), environment.replaceAll('../../src/', '../src/'))
  for (const { path, code } of files) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), code)
  }
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('the page on writing a grader', () => {
  it('begins with ten lines that work', async () => {
    const first = files[0]
    expect([first?.path, first?.code.trimEnd().split('\n').length]).toEqual(['graders/right.ts', 10])
    const program = `
      import { right } from './graders/right.ts'
      const scores = []
      for (const output_text of ['$94.0', '93', '']) {
        const opened = right.open({ reference_answer: '94' })
        const { score } = await opened.run({ sample: { output_text }, trajectory: [], stored: null })
        scores.push(score)
      }
      console.log(JSON.stringify(scores))`
    writeFileSync(join(folder, 'try.mjs'), program)
    const { stdout } = await run(process.execPath, ['--import', 'tsx', 'try.mjs'], { cwd: folder })
    expect(JSON.parse(stdout)).toEqual([1, 0, 0])
  })

  it('has examples that compile as strictly as the server', { timeout: 60_000 }, async () => {
    expect(files.length).toBeGreaterThanOrEqual(4)
    const settings = { extends: join(root, 'tsconfig.json'), include: files.map(({ path }) => path) }
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(settings))
    const tsc = run(join(root, 'node_modules/.bin/tsc'), ['-p', folder], { cwd: folder })
    const output = await tsc.then(
      () => '',
      (error: unknown) => (error instanceof Error && 'stdout' in error ? String(error.stdout) : String(error)),
    )
    expect(output).toBe('')
  })

  it.each([...page.matchAll(/\]\((?<file>[^)]+\.md)\)/gu)].map(({ groups }) => groups?.['file'] ?? ''))(
    'links to a page that exists: %s',
    (file) => expect(readFileSync(join(root, 'docs', file), 'utf8')).toMatch(/^# /u),
  )

  it('names only scorers that exist', () => {
    const named = [...page.matchAll(/`(?<name>(?:score|read)[A-Z]\w+|schemaScorer)`/gu)].map(
      ({ groups }) => groups?.['name'],
    )
    const room = join(root, 'src/kit/scoring')
    const source = readdirSync(room, { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts'))
      .map((file) => readFileSync(join(room, file), 'utf8'))
      .join()
    const missing = named.filter((name) => !new RegExp(`^export (const|function) ${name}\\b`, 'mu').test(source))
    expect([missing, named.length > 20]).toEqual([[], true])
  })
})
