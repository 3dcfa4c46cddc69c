import { execFile } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import {
  hashGraders,
  hashSource,
  sourceFiles,
  withCodeHashes,
  writeCodeHashes,
} from '../../../../src/runtime/code-hash.ts'
import { graders } from '../../../environment/graders/index.ts'
import { half } from '../../../support/regrade/half.ts'
import { compiled } from '../../../support/scorekeeper.ts'
import { makeFolder } from '../../../support/temporary.ts'

describe('the hash of a grader’s code', () => {
  let folder: string
  const put = (path: string, text: string) => {
    mkdirSync(join(folder, path, '..'), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
  const hashOf = () => hashSource(folder, 'graders/mine.ts')

  beforeAll(() => {
    folder = makeFolder()
    put(
      'graders/mine.ts',
      "import { a } from '../src/kit/scoring/a.ts'\nimport type { E } from '../schema/e.ts'\nexport const mine = a\n",
    )
    put('graders/other.ts', 'export const other = 1\n')
    put('src/kit/scoring/a.ts', "export { b as a } from './b.ts'\nimport { late } from '../../errors.ts'\n")
    put('src/kit/scoring/b.ts', "import { a } from './a.ts'\nexport const b = 1\n")
    put('src/errors.ts', 'export const late = 1\n')
    put('schema/e.ts', "export interface E {}\nconst more = await import('./more.ts')\n")
    put('schema/more.ts', 'export const more = 1\n')
  })
  afterAll(() => rmSync(folder, { recursive: true }))

  it('covers the file and its imports, direct and indirect, in the rooms of graders, schema and scoring', () => {
    const files = ['graders/mine.ts', 'schema/e.ts', 'schema/more.ts', 'src/kit/scoring/a.ts', 'src/kit/scoring/b.ts']
    expect(sourceFiles(folder, 'graders/mine.ts')).toEqual(files)
  })

  it('changes with each of these files, and with no other', () => {
    const seen = new Set([hashOf()])
    for (const path of ['graders/mine.ts', 'src/kit/scoring/b.ts', 'schema/more.ts']) {
      put(path, `${readFileSync(join(folder, path), 'utf8')}// another line\n`)
      seen.add(hashOf())
    }
    expect(seen.size).toBe(4)
    const before = hashOf()
    put('graders/other.ts', 'export const other = 2\n')
    put('src/errors.ts', 'export const late = 2\n')
    expect(hashOf()).toBe(before)
  })

  it('does not depend on line endings', () => {
    const before = hashOf()
    put('src/kit/scoring/b.ts', readFileSync(join(folder, 'src/kit/scoring/b.ts'), 'utf8').replaceAll('\n', '\r\n'))
    expect(hashOf()).toBe(before)
  })

  it('belongs to the file that defines the grader, not to one that re-exports it; otherwise to the list', async () => {
    const [one, two, three] = ['one', 'two', 'three'].map((name) => ({ ...half, name }))
    if (!one || !two || !three) throw new Error('expected three graders')
    put('graders/one.ts', 'export const one = 1\n')
    put('graders/two.ts', "export { one } from './one.ts'\nexport const two = 2\n")
    put('graders/index.ts', "import { one, two } from './two.ts'\nexport const graders = [one, two, three]\n")
    const exported: Record<string, object> = { 'one.ts': { one }, 'two.ts': { one, two } }
    const load = async (file: string) => exported[file.split('/').at(-1) ?? ''] ?? {}
    const hashes = await hashGraders(folder, [one, two, three], load)
    expect(Object.fromEntries(hashes)).toEqual({
      one: hashSource(folder, 'graders/one.ts'),
      two: hashSource(folder, 'graders/two.ts'),
      three: hashSource(folder, 'graders/index.ts'),
    })
    expect(new Set(hashes.values()).size).toBe(3)
  })
})

describe('the graders of an environment', () => {
  const root = fileURLToPath(new URL('../../../environment/', import.meta.url))

  it('have the hash of their own file', async () => {
    const [answer] = await withCodeHashes(graders, root)
    expect(answer?.codeHash).toBe(hashSource(root, 'graders/answer.ts'))
    expect(answer?.codeHash).not.toBe(hashSource(root, 'graders/index.ts'))
  })

  it('keep an existing hash, and have none without sources and without a list of hashes', async () => {
    expect(await withCodeHashes([{ ...half, codeHash: 'mine' }])).toMatchObject([{ codeHash: 'mine' }])
    const folder = makeFolder()
    expect((await withCodeHashes([half], folder))[0]?.codeHash).toBeUndefined()
    rmSync(folder, { recursive: true })
  })

  it('have the same hash when they are built, without sources', async () => {
    const folder = makeFolder()
    await writeCodeHashes(root, graders, folder)
    const built = await withCodeHashes(graders, folder)
    expect(built[0]?.codeHash).toMatch(/^[0-9a-f]{64}$/)
    expect(built).toEqual(await withCodeHashes(graders, root))
    rmSync(folder, { recursive: true })
  })

  it('are hashed by a step of the build', { timeout: 60_000 }, async () => {
    const folder = makeFolder()
    const repository = fileURLToPath(new URL('../../../..', import.meta.url))
    const step = compiled('src/cli/code-hashes.js')
    await promisify(execFile)(process.execPath, [step, folder], { cwd: repository })
    const written = z
      .record(z.string(), z.string())
      .parse(JSON.parse(readFileSync(join(folder, 'code-hashes.json'), 'utf8')))
    expect(Object.values(written).every((hash) => /^[0-9a-f]{64}$/.test(hash))).toBe(true)
    expect(Object.values(written)).not.toHaveLength(0)
    rmSync(folder, { recursive: true })
  })
})
