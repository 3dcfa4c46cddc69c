import { execFile } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { version } from '../../../src/base/version.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const report = z.object({
  diagnostics: z.array(z.object({ category: z.string(), location: z.looseObject({ path: z.unknown() }) })),
})

/** The rooms of `src/`, the uppermost first: each may import those before it. */
const rooms = [
  'base',
  'kit',
  'postgres',
  'runtime',
  'ledger',
  'core',
  'wires',
  'dashboard',
  'server',
  'workbench',
  'cli',
]
/** Siblings that may not import each other, in either order. */
const siblings: Readonly<Record<string, string>> = { postgres: 'kit', ledger: 'runtime', dashboard: 'wires' }
/** The folders of the workbench that know a server only by its address. */
const trainers = ['simulate', 'learn', 'preflight', 'job']

const importing = (from: string, to: string) => [`src/${from}/imports-${to}.ts`, `../${to}/thing.ts`] as const
const below = rooms.flatMap((room, at) => rooms.slice(at + 1).map((other) => importing(room, other)))
const above = rooms.flatMap((room, at) =>
  rooms.slice(0, at).flatMap((other) => (siblings[room] === other ? [] : [importing(room, other)])),
)

/** Files and what each imports: the refused ones first. */
const refused: Readonly<Record<string, string>> = {
  ...Object.fromEntries(below),
  ...Object.fromEntries(Object.entries(siblings).map(([room, other]) => importing(room, other))),
  ...Object.fromEntries(
    rooms.slice(0, -1).flatMap((room) => [
      [`src/${room}/reads-tools.ts`, '../../tools/index.ts'],
      [`src/${room}/reads-graders.ts`, '../../graders/index.ts'],
      [`src/${room}/reads-schema.ts`, '../../schema/environment.ts'],
      [`src/${room}/reads-the-example.ts`, '../../example/agents.ts'],
      [`src/${room}/deep/reads-the-entry.ts`, '../../server.ts'],
    ]),
  ),
  ...Object.fromEntries(
    trainers.flatMap((trainer) =>
      ['postgres', 'ledger', 'core', 'wires', 'dashboard', 'server'].map((room) => [
        `src/workbench/${trainer}/reads-${room}.ts`,
        `../../${room}/thing.ts`,
      ]),
    ),
  ),
  'src/cli/reads-the-example.ts': '../../example/agents.ts',
  'test/unit/reads-tools.ts': '../../tools/index.ts',
  'test/unit/reads-the-example.ts': '../../example/agents.ts',
  'test/process/deep/reads-schema.ts': '../../../schema/environment.ts',
  'bench/reads-graders.ts': '../graders/index.ts',
  'chaos/trainer/reads-the-example.ts': '../../example/corpus/random.ts',
  'chaos/reads-a-starter.ts': '../starters/blank/tools/index.ts',
  'starters/blank/tools/reads-the-ledger.ts': '../../../src/ledger/ledger.ts',
  'starters/blank/graders/knows-a-wire.ts': '../../../src/wires/agent-rft.ts',
  'tools/reads-the-ledger.ts': '../src/ledger/ledger.ts',
  'graders/knows-a-wire.ts': '../src/wires/agent-rft.ts',
  'schema/knows-the-server.ts': '../src/server/app.ts',
  'example/graders/reads-the-ledger.ts': '../../src/ledger/ledger.ts',
}
const allowed: Readonly<Record<string, string>> = {
  ...Object.fromEntries(above),
  ...Object.fromEntries(trainers.map((trainer) => [`src/workbench/${trainer}/reads-kit.ts`, '../../kit/define.ts'])),
  'src/workbench/learn/draws.ts': '../../dashboard/components/charts.ts',
  'src/cli/main.ts': '../../tools/index.ts',
  'test/unit/reads-its-environment.ts': '../environment/tools/index.ts',
  'test/process/deep/reads-its-environment.ts': '../../environment/graders/index.ts',
  'chaos/served/serves.ts': './tools.ts',
  'starters/blank/tools/refuses.ts': '../../../src/kit/errors.ts',
  'starters/blank/tools/is-typed.ts': '../schema/environment.ts',
  'starters/blank/graders/is-tested.test.ts': '../../../src/workbench/check-grader/expect-grader.ts',
  'graders/is-tested.test.ts': '../src/workbench/check-grader/expect-grader.ts',
  'tools/refuses.ts': '../src/kit/errors.ts',
  'tools/is-typed.ts': '../schema/environment.ts',
  'graders/scores.ts': '../src/kit/scoring/numbers.ts',
  'schema/environment.ts': '../src/kit/define.ts',
  'example/graders/defines.ts': '../../src/kit/define.ts',
}

describe('the structure of src/', () => {
  let folder: string
  let complaints: { category: string; path: string }[]

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'scorekeeper-house-'))
    copyFileSync(join(root, 'biome.json'), join(folder, 'biome.json'))
    writeFileSync(join(folder, '.gitignore'), 'node_modules\n')
    for (const [path, specifier] of Object.entries({ ...refused, ...allowed })) {
      mkdirSync(dirname(join(folder, path)), { recursive: true })
      writeFileSync(join(folder, path), `import { something } from '${specifier}'\n\nexport const it = something\n`)
    }
    const biome = join(root, 'node_modules/@biomejs/biome/bin/biome')
    const run = promisify(execFile)(
      process.execPath,
      [biome, 'lint', '--reporter=json', '--max-diagnostics=none', '.'],
      { cwd: folder },
    )
    const { stdout } = await run.catch((failed: { stdout: string }) => failed)
    complaints = report.parse(JSON.parse(stdout)).diagnostics.map(({ category, location }) => ({
      category,
      path: JSON.stringify(location.path),
    }))
  })

  afterAll(() => rmSync(folder, { recursive: true }))

  const isRefused = (path: string) =>
    complaints.some((one) => one.category.endsWith('noRestrictedImports') && one.path.includes(path))

  it.each(Object.entries(refused))('does not let %s import %s', (path) => expect(isRefused(path)).toBe(true))
  it.each(Object.entries(allowed))('lets %s import %s', (path) => expect(isRefused(path)).toBe(false))

  it('has one version', () => {
    const manifest = z
      .object({ version: z.string() })
      .parse(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')))
    expect(manifest.version).toBe(version)
  })
})
